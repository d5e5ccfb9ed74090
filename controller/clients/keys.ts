import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StalledError } from '../core/errors.ts';
import type { Step } from '../core/step.ts';
import { writeAtomic } from './atomic-file.ts';

/** A secret kept in the data dir (mode 0600); made once by `make` and the same ever after. Never empty. */
export async function keepKey(
  file: string,
  step: Step,
  make: () => string | Promise<string>,
): Promise<string> {
  const kept = await readKey(file);
  if (kept !== undefined) return kept;
  const made = await make();
  await step(`keys.write ${file}`, async () => {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeAtomic(file, `${made}\n`);
    await chmod(file, 0o600);
  });
  return made;
}

/** The secret if there is one. An empty file is refused: going on with a new secret would replace every instance. */
export async function readKey(file: string): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new StalledError(`${file} can't be read (${error.code}): make it readable for Berth`, {
      cause: error,
    });
  });
  if (text === undefined) return undefined;
  if (text.trim() === '') throw new StalledError(`${file} is empty: restore it from a backup, or delete it`);
  return text.trim();
}

/** 32 random bytes as hex. */
export function randomKey(): string {
  return randomBytes(32).toString('hex');
}
