import { posix } from 'node:path';
import { Readable } from 'node:stream';
import tar from 'tar-stream';
import type { SourceTree, TreeEntry } from '../../controller/clients/types.ts';

/** A file's text, or a link, an executable, an entry that only claims to be that large. */
export type MemoryFile = string | { link: string } | { exec: string } | { claims: number };

/** A source tree that needs no Git: what a repo holds at a commit, as a map. */
export function memoryTree(files: Readonly<Record<string, MemoryFile>>, commit = 'c'.repeat(40)): SourceTree {
  const below = (path: string): readonly (readonly [string, MemoryFile])[] =>
    Object.entries(files).flatMap(([name, file]) => {
      const inside = posix.relative(path, name);
      return inside.startsWith('..') || inside === '' ? [] : [[inside, file] as const];
    });
  return {
    commit,
    list: async (path) => below(path).map(([name, file]) => entryOf(name, file)),
    read: async (path) => {
      const file = files[posix.normalize(path)];
      return file === undefined ? undefined : Buffer.from(textOf(file));
    },
    archive(path) {
      const pack = tar.pack();
      for (const [name, file] of below(path)) {
        if (typeof file === 'object' && 'link' in file) {
          pack.entry({ name, type: 'symlink', linkname: file.link });
        } else {
          pack.entry(
            { name, mode: typeof file === 'object' && 'exec' in file ? 0o775 : 0o664 },
            textOf(file),
          );
        }
      }
      pack.finalize();
      return Readable.from(pack, { objectMode: false });
    },
  };
}

function textOf(file: MemoryFile): string {
  if (typeof file === 'string') return file;
  if ('link' in file) return file.link;
  return 'exec' in file ? file.exec : '';
}

function entryOf(path: string, file: MemoryFile): TreeEntry {
  const mode = typeof file === 'string' || 'claims' in file ? '100644' : 'link' in file ? '120000' : '100755';
  const size = typeof file === 'object' && 'claims' in file ? file.claims : Buffer.byteLength(textOf(file));
  return { path, mode, oid: '0'.repeat(40), size };
}
