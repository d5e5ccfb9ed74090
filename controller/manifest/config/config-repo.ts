/**
 * The config repo: which commit is in force, the file at it, and its own sources for `repo: .`. Only commits of the
 * branch count, never a work tree. "Not sure" is never "empty": a head that can't be told is an error, and only a
 * readable commit can say that the file is missing. One reader or editor at a time.
 */
import { join } from 'node:path';
import PQueue from 'p-queue';
import { createTree, findEntry, treeOid } from '../../clients/git/tree.ts';
import type { ConfigHead, ConfigRepo } from '../../clients/types.ts';
import { messageOf, TransientError } from '../../core/errors.ts';
import type { ConfigRepoOptions } from './branch.ts';
import { editConfigFile } from './edit.ts';
import { readConfigFile } from './file.ts';
import { localBranch } from './local.ts';
import { remoteBranch } from './remote.ts';

/** Asks nothing yet: the first `head` does. */
export async function createConfigRepo(options: ConfigRepoOptions): Promise<ConfigRepo> {
  const cache = join(options.dataDir, 'config-cache');
  const isRemote = /^https?:\/\//i.test(options.location);
  const branch = isRemote ? remoteBranch(options, cache) : localBranch(options, cache);
  const queue = new PQueue({ concurrency: 1 });
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => queue.add(work);
  const trees = new Map<string, Promise<string | undefined>>();
  let last: ConfigHead | undefined;
  let trouble: string | undefined;

  const headAt = async (commit: string): Promise<ConfigHead> => {
    if (commit !== last?.commit) {
      last = { commit, file: await readConfigFile(await branch.place(), commit, options) };
      trees.clear();
    }
    return last;
  };
  const head = async (signal: AbortSignal): Promise<ConfigHead> => {
    const commit = await branch.commit(signal);
    try {
      return await headAt(commit);
    } catch (error) {
      if (!(error instanceof TransientError) || signal.aborted) throw error;
      // Our copy may be broken; made anew it tells, or the remote says why it can't be.
      await branch.discard();
      return headAt(await branch.commit(signal));
    }
  };
  const lookUpTree = async (commit: string, path: string): Promise<string | undefined> => {
    const place = await branch.place();
    const entry = await findEntry(place, commit, path);
    return entry?.mode === '040000' ? treeOid(place, commit, path) : undefined;
  };

  const poll = async (signal: AbortSignal): Promise<void> => {
    try {
      await branch.poll(signal);
      trouble = undefined;
    } catch (error) {
      if (!signal.aborted) trouble = messageOf(error);
      throw error;
    }
  };

  return {
    head: (signal) => inTurn(() => head(signal)),
    treeOf: (commit, path) => {
      const key = `${commit}:${path}`;
      const known = trees.get(key) ?? lookUpTree(commit, path);
      trees.set(key, known);
      known.catch(() => trees.delete(key));
      return known;
    },
    open: async (commit) => createTree(await branch.place(), commit),
    poll: (signal) => inTurn(() => poll(signal)),
    get trouble() {
      return trouble;
    },
    watch: (onChange, signal) => branch.watch(onChange, signal),
    edit: (change, how) => editConfigFile(branch, change, { ...how, poll, inTurn, about: options }),
  };
}
