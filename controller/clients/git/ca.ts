/** The certificates that git trusts: `http.sslCAInfo` replaces the system's, while the operator's file only adds to them. */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { rootCertificates } from 'node:tls';
import { StalledError } from '../../core/errors.ts';
import type { Step } from '../../core/step.ts';
import { writeAtomic } from '../atomic-file.ts';

/**
 * Writes a PEM bundle of the well-known roots and those of `extraFile` (what `NODE_EXTRA_CA_CERTS` names) to `bundle`.
 * Throws StalledError when the extra file can't be read.
 */
export async function writeCaBundle(extraFile: string, bundle: string, step: Step): Promise<void> {
  const extra = await readFile(extraFile, 'utf8').catch((cause: unknown) => {
    throw new StalledError(`NODE_EXTRA_CA_CERTS ${extraFile} can't be read`, { cause });
  });
  const text = [...rootCertificates, extra, ''].join('\n');
  if ((await readFile(bundle, 'utf8').catch(() => '')) === text) return;
  await step('git.certificates', async () => {
    await mkdir(dirname(bundle), { recursive: true });
    await writeAtomic(bundle, text);
  });
}
