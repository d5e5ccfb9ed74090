/**
 * Nginx, managed or the machine's. Files are the truth of what is to be served, and nginx's own answer the truth of what
 * is: a generation over all files, which it tells on the listener of the sites. Nothing else is believed.
 */
import { TransientError } from '../../core/errors.ts';
import type { Nginx, NginxState } from '../types.ts';
import { applyChanges } from './apply.ts';
import { createLiveness, type Liveness } from './liveness.ts';
import { look, sitesOf } from './look.ts';
import { managedMode } from './managed.ts';
import type { Mode, NginxOptions } from './mode.ts';
import { anyWorker, masterOf, workersOf } from './processes.ts';
import { systemMode } from './system.ts';

/**
 * A client of nginx; nothing is done until it is asked. Its calls run one after the other.
 * They throw TransientError when files can't be read or written, or nginx is not on this machine.
 */
export function createNginx(options: NginxOptions): Nginx {
  const mode = options.mode === 'managed' ? managedMode(options.dir, options) : systemMode(options, options);
  const memory = { liveness: createLiveness(), replaced: new Set<number>() };
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work).catch(asTransient);
    // The next call waits for this one; its error is this caller's.
    last = turn.catch(() => undefined);
    return turn;
  };
  return {
    read: () => inTurn(() => read(mode, memory)),
    apply: (changes) => inTurn(() => applyChanges({ mode, memory, changes })),
  };
}

async function read(
  mode: Mode,
  memory: { readonly liveness: Liveness; readonly replaced: Set<number> },
): Promise<NginxState> {
  const { files, answer, generation, running } = await look(mode);
  const sites = sitesOf(files);
  if (answer?.generation === generation) memory.liveness.seen(generation, sites);
  else memory.liveness.heard(answer?.generation);
  const master = answer && masterOf(answer.pid);
  const workers = master === undefined ? [] : workersOf(master);
  const oldWorkers = workers.some(({ leaving }) => leaving) || anyWorker(memory.replaced) || mode.orphaned();
  if (!oldWorkers) memory.replaced.clear();
  return {
    sites: [...sites].map(([name, text]) => ({
      name,
      text,
      liveForMs: memory.liveness.liveForMs(name, text),
    })),
    oldWorkers,
    running,
  };
}

/** A full disk or a closed directory may be mended while we wait; anything without such a code is not ours to judge. */
function asTransient(error: unknown): never {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code !== 'string' || !/^E[A-Z0-9]+$/.test(code) || !(error instanceof Error)) throw error;
  throw new TransientError(`nginx or its files can't be worked with (${error.message}): mend that first`, {
    cause: error,
  });
}
