/**
 * A config repo on this machine, with work tree or bare. It is read through a bare repository of our own that borrows
 * its objects, so neither its settings nor its attributes nor its owner matter; only an edit writes to it.
 */

import fs from 'node:fs';
import { access, readFile, realpath, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import git from 'isomorphic-git';
import { initBare } from '../../clients/git/cache.ts';
import { StalledError, TransientError } from '../../core/errors.ts';
import { advanceLocal, finishEdits } from './advance-local.ts';
import type { ConfigBranch, ConfigRepoOptions } from './branch.ts';
import type { GitDirs } from './checkouts.ts';
import { watchBranch } from './watch.ts';

/** `view` is the directory of the borrowing repository. */
export function localBranch(options: ConfigRepoOptions, view: string): ConfigBranch {
  const { location, branch, step } = options;
  const head = async () => branchHead(await gitDirOf(location), branch, location);
  const repo = async () => ({ ...options, head, dirs: await gitDirsOf(location) });
  return {
    commit: head,
    place: async () => {
      const gitDir = await gitDirOf(location);
      if (!(await exists(join(view, 'HEAD')))) await step('git.init config-cache', () => initBare(view));
      return { gitDir: view, objectDir: join(gitDir, 'objects'), subject: 'the config repo' };
    },
    poll: async () => finishEdits(await repo()),
    discard: () => step('git.evict config-cache', () => rm(view, { recursive: true, force: true })),
    watch: (onChange, signal) => watchBranch({ find: () => gitDirOf(location), branch, onChange, signal }),
    advance: async (draft) => advanceLocal(await repo(), draft),
    maxTries: MAX_TRIES,
  };
}

/** A try takes some 50 ms; each of several editors gets its turn. */
const MAX_TRIES = 25;

/**
 * The directory with `objects` and `refs`: `<path>/.git`, what a `.git` file names (a linked work tree: the repository
 * that it belongs to), or the path itself when bare. Never one further up. Throws StalledError where there is none.
 */
export async function gitDirOf(location: string): Promise<string> {
  return (await gitDirsOf(location)).common;
}

async function gitDirsOf(location: string): Promise<GitDirs> {
  const dotGit = join(location, '.git');
  const info = await stat(dotGit).catch(goneAsUndefined);
  if (info?.isFile()) return linkedDirs(dotGit);
  const bare = (await exists(join(location, 'objects'))) && (await exists(join(location, 'HEAD')));
  const dir = info?.isDirectory() ? dotGit : bare ? location : undefined;
  if (dir !== undefined) return { own: await realpath(dir), common: await realpath(dir) };
  throw new StalledError(`${location} is not a Git repository: set BERTH_CONFIG_REPO, or run git init there`);
}

/** gitrepository-layout: `.git` holds `gitdir: <path>`, and `commondir` in there leads to the shared part. */
async function linkedDirs(dotGit: string): Promise<GitDirs> {
  const target = /^gitdir: (.+)$/m.exec(await readFile(dotGit, 'utf8'))?.[1]?.trim();
  if (target === undefined) throw new StalledError(`${dotGit} names no Git directory: run git init again`);
  const own = resolve(dirname(dotGit), target);
  const common = await readFile(join(own, 'commondir'), 'utf8').catch(goneAsUndefined);
  return { own: await realpath(own), common: await realpath(resolve(own, common?.trim() ?? '.')) };
}

/** Read twice: `git pack-refs` moves a ref between two reads of which the first came too early, the second too late. */
async function branchHead(gitdir: string, branch: string, location: string): Promise<string> {
  const ref = `refs/heads/${branch}`;
  const read = () => git.resolveRef({ fs, gitdir, ref });
  try {
    return await read().catch(read);
  } catch (cause) {
    if (!(cause instanceof git.Errors.NotFoundError)) {
      throw new TransientError(`the config repo ${location} can't be read`, { cause });
    }
    const branches = await git.listBranches({ fs, gitdir });
    const there =
      branches.length === 0 ? 'it has no commits yet' : `there is ${branches.slice(0, 5).join(', ')}`;
    throw new StalledError(`the config repo ${location} has no branch ${branch}: ${there}`, { cause });
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function goneAsUndefined(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
  throw error;
}
