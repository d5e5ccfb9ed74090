/**
 * Tells soon when a local branch moves. A ref moves by a write, by a rename, or into `packed-refs`; each only means
 * "look again". Watching ends silently when the directory is replaced, so its identity is looked at every second and
 * the watcher made anew; that also serves where the system has no watches left.
 */
import { stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type FSWatcher, watch } from 'chokidar';

export interface WatchOptions {
  /** The Git directory as it is now; throws while there is none. */
  readonly find: () => Promise<string>;
  readonly branch: string;
  readonly onChange: () => void;
  readonly signal: AbortSignal;
}

const CHECK_MS = 1000;

/** Resolves when it watches; goes on until the signal. */
export async function watchBranch(options: WatchOptions): Promise<void> {
  const state: Watching = {};
  await renew(state, options);
  void keepWatching(state, options);
}

interface Watching {
  watcher?: FSWatcher;
  /** Of the directory that is watched. */
  identity?: string;
}

async function keepWatching(state: Watching, options: WatchOptions): Promise<void> {
  while (!options.signal.aborted) {
    // Rejects only when the signal ends the wait.
    await setTimeout(CHECK_MS, undefined, { ref: false, signal: options.signal }).catch(() => undefined);
    if (!options.signal.aborted && (await renew(state, options))) options.onChange();
  }
  await state.watcher?.close();
}

/** True when the directory is another one than before. */
async function renew(state: Watching, options: WatchOptions): Promise<boolean> {
  const gitDir = await options.find().catch(() => undefined);
  const identity = gitDir === undefined ? undefined : await identityOf(gitDir);
  if (identity === state.identity) return false;
  await state.watcher?.close();
  delete state.watcher;
  if (gitDir !== undefined && identity !== undefined) {
    state.watcher = await watchRefs(gitDir, options, () => {
      delete state.identity;
    });
    state.identity = identity;
  } else delete state.identity;
  return true;
}

/** Inode numbers are used again at once, so the time of birth counts too. */
async function identityOf(gitDir: string): Promise<string | undefined> {
  const info = await stat(gitDir).catch(() => undefined);
  return info && `${info.dev}:${info.ino}:${info.birthtimeMs}`;
}

async function watchRefs(gitDir: string, options: WatchOptions, onBroken: () => void): Promise<FSWatcher> {
  const ref = join('refs/heads', options.branch);
  const paths = ['HEAD', 'packed-refs', 'refs', ref];
  const watcher = watch(gitDir, {
    ignoreInitial: true,
    atomic: false,
    ignored: (path) => {
      const inside = relative(gitDir, path);
      return inside !== '' && !paths.some((wanted) => wanted === inside || wanted.startsWith(`${inside}/`));
    },
  });
  watcher.on('all', () => options.onChange());
  watcher.on('error', onBroken);
  await new Promise<void>((resolve) => watcher.once('ready', resolve));
  return watcher;
}
