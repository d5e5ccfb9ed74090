/**
 * One directory of a source tree, as analysis sees it. Only regular files are ever read; a link is never followed,
 * so nothing outside the repo can be reached.
 */
import { posix } from 'node:path';
import type { SourceTree, TreeEntry } from '../clients/types.ts';
import { StalledError } from '../core/errors.ts';

/** What analysis needs of a tree: it need not lie on this machine. */
export type ReadableTree = Pick<SourceTree, 'list' | 'read'>;

export interface Directory {
  /** A regular file of that name. */
  has(name: string): boolean;
  entry(name: string): TreeEntry | undefined;
  /** Something lies below it. */
  isDirectory(name: string): boolean;
  /** Text of a file, undefined where there is none. Throws StalledError for a link or a file over `maxBytes`. */
  read(name: string, maxBytes?: number): Promise<string | undefined>;
  readonly names: readonly string[];
}

const MANIFEST_MAX_BYTES = 1024 * 1024;

/** Lists a directory of the tree once. Throws what the tree's `list` throws. */
export async function openDirectory(tree: ReadableTree, path: string): Promise<Directory> {
  const entries = new Map((await tree.list(path)).map((entry) => [entry.path, entry]));
  const names = [...entries.keys()].sort();
  const regular = (entry?: TreeEntry): boolean => entry?.mode.startsWith('100') ?? false;
  return {
    names,
    has: (name) => regular(entries.get(name)),
    entry: (name) => entries.get(name),
    isDirectory: (name) => names.some((other) => other.startsWith(`${name}/`)),
    async read(name, maxBytes = MANIFEST_MAX_BYTES) {
      const entry = entries.get(name);
      if (entry === undefined) return undefined;
      if (!regular(entry)) throw new StalledError(`${name} is a link: put the file itself there`);
      if (entry.size > maxBytes) throw new StalledError(`${name} is larger than ${maxBytes} bytes`);
      const bytes = await tree.read(posix.join(path, name), maxBytes);
      return bytes?.toString('utf8').replace(/^\uFEFF/, '');
    },
  };
}
