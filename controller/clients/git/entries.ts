/** The entries of a Git tree, as `git ls-tree -l -z` prints them, and which of them Berth can't build from. Pure. */
import { StalledError } from '../../core/errors.ts';
import type { TreeEntry } from '../types.ts';

export interface SourceLimits {
  /** Of a repo's cache, and of all files below a directory together. */
  readonly maxBytes: number;
  readonly maxFiles: number;
}

/** Generous for an app, far below what could fill a disk. */
export const SOURCE_LIMITS: SourceLimits = { maxBytes: 500 * 2 ** 20, maxFiles: 200_000 };

/** A file system's own limit for one name (ext4, xfs, overlay), in bytes. */
const NAME_MAX_BYTES = 255;

/** Entries in Git's own order; a directory or submodule has size 0. */
export function parseEntries(text: string): readonly TreeEntry[] {
  return text.split('\0').flatMap((line) => {
    const [, mode, oid, size, path] = /^(\d{6}) \w+ ([0-9a-f]{40}) +(-|\d+)\t(.+)$/s.exec(line) ?? [];
    if (mode === undefined || oid === undefined || path === undefined) return [];
    return [{ path, mode, oid, size: Number(size) || 0 }];
  });
}

/** Throws StalledError for submodules, for names that could leave the context, and past the limits. */
export function checkEntries(subject: string, entries: readonly TreeEntry[], limits: SourceLimits): void {
  if (entries.length > limits.maxFiles) throw tooMany(subject, limits);
  let bytes = 0;
  for (const entry of entries) {
    bytes += entry.size;
    const shown = entry.path.replace(/[\u0000-\u001f\u007f]/g, '?').slice(0, 120);
    if (entry.mode === '160000') {
      throw new StalledError(
        `${subject}: ${shown} is a submodule, which Berth does not fetch: copy its files in`,
      );
    }
    const names = entry.path.split('/');
    if (names.some(isHostile)) {
      throw new StalledError(`${subject}: the name ${shown} could leave the directory, rename it`);
    }
    if (names.some((name) => Buffer.byteLength(name) > NAME_MAX_BYTES)) {
      throw new StalledError(`${subject}: a name is longer than ${NAME_MAX_BYTES} bytes: ${shown}…`);
    }
  }
  if (bytes > limits.maxBytes) {
    throw new StalledError(`${subject}: its files are larger than ${mebibytes(limits.maxBytes)} together`);
  }
}

/** The error for more files than `maxFiles`. */
export function tooMany(subject: string, limits: SourceLimits): StalledError {
  return new StalledError(
    `${subject}: has more than ${limits.maxFiles} files, set path to a smaller directory`,
  );
}

/** `500 MB`, as people say it. */
export function mebibytes(bytes: number): string {
  return `${Math.max(1, Math.round(bytes / 2 ** 20))} MB`;
}

/** Large files of Git LFS are this text in the repository itself (git-lfs.com, pointer spec v1). */
export function isLfsPointer(content: Buffer): boolean {
  return content.subarray(0, 64).toString('latin1').startsWith('version https://git-lfs.github.com/spec/');
}

/** A pointer without extensions has 126 to 139 bytes. */
export function maybeLfsPointer(entry: TreeEntry): boolean {
  return entry.mode.startsWith('100') && entry.size >= 120 && entry.size <= 200;
}

/** `..`, `.git` and what some file system takes for it (HFS+ ignores marks, NTFS dots, blanks and streams). */
function isHostile(name: string): boolean {
  const plain = name.toLowerCase().replace(/[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g, '');
  const stem = plain.replace(/:.*$/s, '').replace(/[. ]+$/, '');
  return name === '' || name === '.' || name === '..' || stem === '.git' || stem === 'git~1';
}
