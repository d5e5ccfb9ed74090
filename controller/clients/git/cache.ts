/**
 * A bare, shallow cache of one repo. A commit is in it when `refs/berth/<commit>` is, which git writes last. The cache
 * may be deleted at any time; one that looks broken is, and is cloned again, once. Fetches of one cache are in line.
 */
import { access, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import PQueue from 'p-queue';
import { TransientError } from '../../core/errors.ts';
import type { Step } from '../../core/step.ts';
import { mebibytes, type SourceLimits } from './entries.ts';
import { BrokenCacheError, remoteError, UnusableCommitError } from './errors.ts';
import { GitFailure, runGit } from './git.ts';
import type { Remote } from './remote.ts';
import type { TreePlace } from './tree.ts';

export interface CacheOptions {
  readonly dir: string;
  readonly remote: Remote;
  readonly step: Step;
  readonly limits: SourceLimits;
  /** Of one fetch. */
  readonly timeoutMs: number;
}

export interface GitCache {
  readonly place: TreePlace;
  /** Fetches the commit unless it is there; one that can't be used only once. Throws TransientError or StalledError. */
  ensure(commit: string, signal: AbortSignal): Promise<void>;
  /** Deletes it, unless someone is reading; whether it did. */
  remove(): Promise<boolean>;
}

/** Beyond this many packs reading gets slow; depth-1 fetches leave one each. */
const MAX_PACKS = 50;
const SIZE_CHECK_MS = 200;

/** Makes nothing until something is asked for. */
export function createCache(options: CacheOptions): GitCache {
  const { dir, remote, step, limits } = options;
  const queue = new PQueue({ concurrency: 1 });
  const unusable = new Map<string, UnusableCommitError>();
  let readers = 0;
  let broken = false;

  const remove = () => step(`git.evict ${remote.shown}`, () => rm(dir, { recursive: true, force: true }));
  const fetchOnce = (commit: string, signal: AbortSignal) =>
    step(`git.fetch ${remote.shown} ${commit.slice(0, 7)}`, async () => {
      await initBare(dir);
      await tidy(dir);
      await fetchCommit(options, commit, signal);
    });

  const ensure = async (commit: string, signal: AbortSignal): Promise<void> => {
    const refused = unusable.get(commit);
    if (refused) throw refused;
    const { bytes, packs } = await packSize(dir);
    if (broken || (bytes > limits.maxBytes && readers === 0)) await remove();
    broken = false;
    if (await exists(join(dir, 'refs/berth', commit))) return;
    try {
      await fetchOnce(commit, signal);
    } catch (error) {
      if (error instanceof UnusableCommitError) unusable.set(commit, error);
      if (!(error instanceof BrokenCacheError)) throw error;
      await remove();
      await fetchOnce(commit, signal).catch(neverBroken);
    }
    if (packs >= MAX_PACKS) await step(`git.repack ${remote.shown}`, () => repack(dir));
  };

  const place: TreePlace = {
    gitDir: dir,
    subject: `repo ${remote.shown}`,
    limits,
    onBroken: () => {
      broken = true;
    },
    hold: () => {
      readers += 1;
      return () => {
        readers -= 1;
      };
    },
  };
  return {
    place,
    ensure: (commit, signal) => queue.add(() => ensure(commit, signal)),
    remove: () =>
      queue.add(async () => {
        if (readers === 0) await remove();
        return readers === 0;
      }),
  };
}

/**
 * A bare repository in which `git archive` neither drops nor rewrites files (`info/attributes` goes before those of the
 * repo). Does nothing where one is; the attributes come first, so that a crash leaves no repository without them.
 */
export async function initBare(dir: string): Promise<void> {
  if (await exists(join(dir, 'HEAD'))) return;
  await mkdir(join(dir, 'info'), { recursive: true });
  await writeFile(join(dir, 'info/attributes'), '* -export-ignore -export-subst\n');
  await runGit(['init', '--bare', '--quiet', '--template=', '--initial-branch=none', '--', dir]);
}

/** What a fetch that was killed left behind; only we write here, and one fetch at a time. */
async function tidy(dir: string): Promise<void> {
  const packs = await namesIn(join(dir, 'objects/pack'));
  const stale = packs
    .filter((name) => name.startsWith('tmp_'))
    .map((name) => join(dir, 'objects/pack', name));
  const locks = ['shallow.lock', 'config.lock', 'HEAD.lock'].map((name) => join(dir, name));
  const refs = await namesIn(join(dir, 'refs/berth'));
  const held = refs.filter((name) => name.endsWith('.lock')).map((name) => join(dir, 'refs/berth', name));
  await Promise.all([...stale, ...locks, ...held].map((path) => rm(path, { force: true })));
}

async function fetchCommit(options: CacheOptions, commit: string, signal: AbortSignal): Promise<void> {
  const { dir, remote, limits, timeoutMs } = options;
  const limit = mebibytes(limits.maxBytes);
  const tooBig = () => new UnusableCommitError(`repo ${remote.shown}: is larger than ${limit}`);
  const before = (await packSize(dir)).bytes;
  const size = new AbortController();
  const grown = async () => (await packSize(dir)).bytes - before > limits.maxBytes;
  const check = () =>
    grown().then(
      (is) => is && size.abort(tooBig()),
      (error) => size.abort(error),
    );
  const timer = setInterval(check, SIZE_CHECK_MS);
  const refspec = `+${commit}:refs/berth/${commit}`;
  const args = ['--depth=1', '--no-tags', '--no-recurse-submodules', '--no-auto-maintenance', '--quiet'];
  try {
    await runGit(['fetch', ...args, '--no-write-fetch-head', '--refmap=', '--', remote.url, refspec], {
      gitDir: dir,
      config: await remote.config(),
      signal: AbortSignal.any([signal, size.signal]),
      timeoutMs,
    });
  } catch (failure) {
    if (size.signal.aborted) throw size.signal.reason;
    if (failure instanceof GitFailure && failure.why === 'timeout') {
      throw new TransientError(`repo ${remote.shown}: not fetched within ${timeoutMs / 1000} s`, {
        cause: failure,
      });
    }
    throw remoteError(remote.shown, failure);
  } finally {
    clearInterval(timer);
    await tidy(dir);
  }
  if (await grown()) {
    await rm(dir, { recursive: true, force: true });
    throw tooBig();
  }
}

/** One pack of all; readers that are under way find it by themselves. */
async function repack(dir: string): Promise<void> {
  await runGit(['repack', '-a', '-d', '-q', '--keep-unreachable'], { gitDir: dir, timeoutMs: 300_000 });
}

function neverBroken(error: unknown): never {
  throw error instanceof BrokenCacheError ? new TransientError(error.message, { cause: error }) : error;
}

async function packSize(dir: string): Promise<{ bytes: number; packs: number }> {
  const names = await namesIn(join(dir, 'objects/pack'));
  const sizes = await Promise.all(names.map((name) => sizeOf(join(dir, 'objects/pack', name))));
  return {
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    packs: names.filter((name) => name.endsWith('.pack')).length,
  };
}

/** Git renames its files while we look. */
async function sizeOf(path: string): Promise<number> {
  return stat(path).then((file) => file.size, noneIfGone(0));
}

async function namesIn(dir: string): Promise<readonly string[]> {
  return readdir(dir).catch(noneIfGone([]));
}

function noneIfGone<T>(none: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return none;
    throw error;
  };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
