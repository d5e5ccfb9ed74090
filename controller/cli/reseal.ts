/**
 * `berth reseal`: what was sealed for older keys is sealed for the newest, as one commit. It may run beside a
 * controller and takes no lock: the branch moves by compare-and-swap, the controller sees the commit as anyone's, and
 * no instance changes, since a value's fingerprint is of what is inside.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newestRecipient, readIdentities } from '../clients/identities.ts';
import type { ConfigRepo } from '../clients/types.ts';
import { StalledError, TransientError } from '../core/errors.ts';
import { runStep, type Step } from '../core/step.ts';
import { createConfigRepo } from '../manifest/config/config-repo.ts';
import { configText } from '../manifest/config/file.ts';
import { type Resealed, type ResealOptions, reseal as resealText } from '../manifest/reseal.ts';
import { configTokenOf } from '../settings/config-token.ts';
import type { Settings } from '../settings.ts';
import type { Io, JsonOption } from './io.ts';

/** A remote may be slow, but a person waits. */
const TIMEOUT_MS = 180_000;
const MAX_TRIES = 5;

/** 0 when every value is sealed for the newest key, 1 when some can't be opened; the others are resealed all the same. */
export async function reseal(
  settings: Settings,
  { json, io, step = runStep }: JsonOption & { readonly io: Io; readonly step?: Step },
): Promise<number> {
  const { configRepo: location, configBranch: branch, configFile: file } = settings;
  const token = configTokenOf(settings);
  if (settings.embedded && !existsSync(location))
    throw new StalledError(`there is no config repo at ${location} yet: \`berth start\` makes one`);
  const identities = await readIdentities(settings);
  const recipient = await newestRecipient(identities);
  // A copy of its own: the controller's is in use.
  const dataDir = await mkdtemp(join(tmpdir(), 'berth-reseal-'));
  try {
    const config = await createConfigRepo({
      ...{ location, branch, file, dataDir, step },
      ...(token !== undefined && { token }),
    });
    return tell(await commitResealed(config, { file, identities, recipient }), { json, io });
  } finally {
    await step('reseal.clean', () => rm(dataDir, { recursive: true, force: true }));
  }
}

interface Done extends Resealed {
  readonly commit?: string;
}

/** The message says how many, so they are counted before; a file that changed in between is begun with again. */
async function commitResealed(config: ConfigRepo, options: ResealOptions): Promise<Done> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  for (let turn = 1; turn <= MAX_TRIES; turn += 1) {
    await config.poll(signal);
    const { file } = await config.head(signal);
    if ('missing' in file) throw new StalledError(`there is nothing to reseal: ${file.missing}`);
    let made: Resealed | undefined;
    const before = configText(file.bytes, options.file);
    const resealed = await resealText(before, options);
    if (resealed.changed.length === 0) return resealed;
    const change = (text: string): string => {
      made = text === before ? resealed : undefined;
      return made?.text ?? text;
    };
    const commit = await config.edit(change, { message: `Reseal ${values(resealed.changed)}`, signal });
    if (made) return { ...made, commit };
  }
  throw new TransientError(`${options.file} was changed ${MAX_TRIES} times meanwhile: try again`);
}

function tell(
  { commit, changed, failed, fresh }: Done,
  { json, io }: JsonOption & { readonly io: Io },
): number {
  const ok = failed.length === 0;
  if (json) io.print(JSON.stringify({ ok, ...(commit && { commit }), resealed: changed, failed, fresh }));
  else {
    for (const key of changed) io.print(`resealed ${key}`);
    if (commit !== undefined) io.print(`committed ${values(changed)}: ${commit}`);
    else if (ok)
      io.print(`nothing to do: ${fresh === 0 ? 'nothing is sealed' : `${values(fresh)} for the newest key`}`);
    for (const line of failed) io.complain(line);
  }
  return ok ? 0 : 1;
}

function values(of: readonly unknown[] | number): string {
  const count = typeof of === 'number' ? of : of.length;
  return count === 1 ? '1 value' : `${count} values`;
}
