/**
 * One change of nginx: refuse what must not be, try the rest beside the files in force, swap it in, reload, and
 * believe only nginx's answer. Whatever fails leaves the files as they were, and they always pass nginx's test.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { StalledError, TransientError } from '../../core/errors.ts';
import type { SiteChange, SiteErrors } from '../types.ts';
import { putBack, unstage, type Write } from './files.ts';
import { install } from './install.ts';
import type { Liveness } from './liveness.ts';
import { generationFor, type Look, look, sitesOf } from './look.ts';
import type { Mode } from './mode.ts';
import { askGeneration, provesGeneration } from './probe.ts';
import { anyAccepting, masterOf, workersOf } from './processes.ts';
import { screen } from './screen.ts';

/** A reload of 1,000 sites takes half a second, of 5,000 four (measured). */
const PROOF_MS = 5_000;

export interface ApplyOptions {
  readonly mode: Mode;
  readonly memory: { readonly liveness: Liveness; readonly replaced: Set<number> };
  readonly changes: readonly SiteChange[];
}

/** Makes the changes that can be made. Throws what concerns nginx as a whole when there is no change to tell it of. */
export async function applyChanges({ mode, memory, changes }: ApplyOptions): Promise<SiteErrors> {
  const before = await look(mode);
  const { wanted, errors } = await screen(changes, before, mode);
  if (wanted.length === 0 && before.running === true) return errors;
  let left = wanted;
  const refuse = (name: string, error: Error): void => {
    errors.set(name, error);
    left = left.filter((change) => change.name !== name);
  };
  try {
    const installed = await install({ mode, before, changes: wanted, refuse });
    if (installed) await takeUp({ mode, memory, before, ...installed });
  } catch (error) {
    if (!(error instanceof TransientError || error instanceof StalledError)) throw error;
    if (left.length === 0) throw error;
    for (const { name } of left) errors.set(name, error);
  } finally {
    await unstage(mode.layout);
  }
  return errors;
}

/** Reloads until nginx answers with the new generation; else puts the old files back and throws TransientError. */
async function takeUp(options: {
  readonly mode: Mode;
  readonly memory: ApplyOptions['memory'];
  readonly before: Look;
  readonly after: Look['files'];
  readonly writes: readonly Write[];
}): Promise<void> {
  const { mode, memory, before, after, writes } = options;
  const generation = generationFor(mode, after, before.conf?.text);
  const failure = await refreshed(mode, generation, memory.replaced);
  if (failure === undefined) {
    memory.liveness.seen(generation, sitesOf(after));
    return;
  }
  await putBack(mode.layout, writes, mode.place.step);
  if (before.answer !== undefined) await refreshed(mode, before.answer.generation, memory.replaced);
  throw failure;
}

/** Why nginx does not run this generation after it was told to; undefined when it does, and nothing else any more. */
async function refreshed(
  mode: Mode,
  generation: string,
  replaced: Set<number>,
): Promise<TransientError | undefined> {
  const old = await workersNow(mode);
  for (const pid of old) replaced.add(pid);
  try {
    await mode.refresh();
  } catch (error) {
    if (error instanceof TransientError) return error;
    throw error;
  }
  if (!(await provesGeneration(mode.place, generation, PROOF_MS))) {
    return new TransientError(`nginx did not take up its new configuration: ${await mode.complaint()}`);
  }
  // For a tenth of a second nginx's old workers accept beside the new ones: until they are told to leave.
  const deadline = performance.now() + PROOF_MS;
  while (anyAccepting(old) && performance.now() < deadline) await sleep(5);
  return undefined;
}

async function workersNow(mode: Mode): Promise<readonly number[]> {
  const answer = await askGeneration(mode.place);
  const master = answer && masterOf(answer.pid);
  return master === undefined ? [] : workersOf(master).map(({ pid }) => pid);
}
