/** A commit on GitHub, read through its API as a `SourceTree` is: for a look at a repo that nobody has cloned yet. */
import { posix } from 'node:path';
import { StalledError } from '../../core/errors.ts';
import { checkEntries, SOURCE_LIMITS } from '../git/entries.ts';
import type { SourceTree, TreeEntry } from '../types.ts';
import { shown } from './names.ts';
import type { GitHub, RepoName, TreeItem } from './types.ts';

const DIRECTORY = '040000';

/** `read` knows the files of directories that were listed. Both throw TransientError or StalledError. */
export function createGitHubTree(
  github: Pick<GitHub, 'tree' | 'blob'>,
  repo: RepoName,
  commit: string,
): Pick<SourceTree, 'list' | 'read'> {
  const subject = `repo ${shown(repo)}`;
  const files = new Map<string, TreeItem>();

  const shaOf = async (path: string): Promise<string> => {
    let sha = commit;
    for (const part of path === '.' ? [] : path.split('/')) {
      const { items } = await github.tree(repo, sha, false);
      const found = items.find((item) => item.path === part && item.mode === DIRECTORY);
      if (!found) throw new StalledError(`${subject}: there is no directory ${path}, correct the path`);
      sha = found.oid;
    }
    return sha;
  };

  return {
    async list(path) {
      const { items, truncated } = await github.tree(repo, await shaOf(path), true);
      if (truncated)
        throw new StalledError(
          `${subject}: has more files than GitHub lists, set path to a smaller directory`,
        );
      const entries: readonly TreeEntry[] = items.filter(({ mode }) => mode !== DIRECTORY);
      checkEntries(subject, entries, SOURCE_LIMITS);
      for (const entry of entries) files.set(posix.join(path, entry.path), entry);
      return entries;
    },
    async read(path, maxBytes) {
      const file = files.get(posix.normalize(path));
      if (!file) return undefined;
      if (!file.mode.startsWith('100'))
        throw new StalledError(`${subject}: ${path} is no regular file, which Berth does not follow`);
      if (file.size > maxBytes)
        throw new StalledError(`${subject}: ${path} has ${file.size} bytes, more than ${maxBytes}`);
      return github.blob(repo, file.oid);
    },
  };
}
