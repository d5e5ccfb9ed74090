/**
 * Reading one commit of a bare repository by the git command line. Nothing is checked out: no file of a repo, and no
 * link in it, ever lies on this machine's disk to be followed. What Berth can't build from (submodules, LFS pointers,
 * hostile names) is told when a directory is listed.
 */
import type { Readable } from 'node:stream';
import { StalledError, TransientError } from '../../core/errors.ts';
import type { SourceTree, TreeEntry } from '../types.ts';
import {
  checkEntries,
  isLfsPointer,
  maybeLfsPointer,
  parseEntries,
  SOURCE_LIMITS,
  type SourceLimits,
  tooMany,
} from './entries.ts';
import { GitFailure, runGit, streamGit } from './git.ts';

/** Which objects to read, and how errors name them (`repo https://…`, `the config repo`). */
export interface TreePlace {
  readonly gitDir: string;
  readonly objectDir?: string;
  readonly subject: string;
  readonly limits?: SourceLimits;
  /** Called when the objects themselves are not readable. */
  readonly onBroken?: () => void;
  /** Keeps the repository from being removed until the function that it returns is called. */
  readonly hold?: () => () => void;
}

const LFS_BATCH = 5000;

/** One commit as a SourceTree. Reading what is broken throws TransientError. */
export function createTree(place: TreePlace, commit: string): SourceTree {
  return {
    commit,
    list: async (path) => {
      const tree = await treeOid(place, commit, path);
      return holding(place, () => listTree(place, tree));
    },
    read: (path, maxBytes) => holding(place, () => readFile(place, commit, path, maxBytes)),
    archive: (path, signal) => archive(place, commit, path, signal),
  };
}

/** What stands at a path of a commit; undefined when nothing does. The root is a directory like any other. */
export async function findEntry(
  place: TreePlace,
  commit: string,
  path: string,
): Promise<TreeEntry | undefined> {
  const isRoot = path === '.';
  const args = isRoot
    ? ['rev-parse', '--verify', '--quiet', '--end-of-options', `${commit}^{tree}`]
    : ['ls-tree', '-l', '-z', '--full-tree', commit, '--', safePath(place, path)];
  const out = (await git(place, args)).toString();
  return isRoot ? { path, mode: '040000', oid: out.trim(), size: 0 } : parseEntries(out)[0];
}

/** Git tree of a directory at a commit. Throws StalledError that says what stands there instead. */
export async function treeOid(place: TreePlace, commit: string, path: string): Promise<string> {
  const entry = await findEntry(place, commit, path);
  if (entry?.mode === '040000') return entry.oid;
  const at = `${place.subject} at ${commit.slice(0, 7)}`;
  const what =
    entry === undefined
      ? `there is no directory ${path}`
      : `${path} is ${nameOf(entry.mode)}, not a directory`;
  throw new StalledError(`${at}: ${what}, correct the path`);
}

/** What an entry is, for a sentence. */
export function nameOf(mode: string): string {
  if (mode === '040000') return 'a directory';
  if (mode === '120000') return 'a symbolic link';
  return mode === '160000' ? 'a submodule' : 'a file';
}

async function listTree(place: TreePlace, tree: string): Promise<readonly TreeEntry[]> {
  const limits = place.limits ?? SOURCE_LIMITS;
  const args = ['ls-tree', '-r', '-l', '-z', '--full-tree', tree];
  const out = await git(place, args, { maxBytes: limits.maxFiles * 512 }).catch((error: unknown) => {
    throw error instanceof GitFailure && error.why === 'too big' ? tooMany(place.subject, limits) : error;
  });
  const entries = parseEntries(out.toString());
  checkEntries(place.subject, entries, limits);
  await refuseLfs(place, entries.filter(maybeLfsPointer));
  return entries;
}

async function refuseLfs(place: TreePlace, entries: readonly TreeEntry[]): Promise<void> {
  for (let from = 0; from < entries.length; from += LFS_BATCH) {
    const batch = entries.slice(from, from + LFS_BATCH);
    const input = `${batch.map(({ oid }) => oid).join('\n')}\n`;
    const out = await git(place, ['cat-file', '--batch'], { input });
    let at = 0;
    for (const { path, size } of batch) {
      // `<oid> blob <size>\n<content>\n`
      const start = out.indexOf(10, at) + 1;
      at = start + size + 1;
      if (isLfsPointer(out.subarray(start, at))) {
        throw new StalledError(`${place.subject}: ${path} is a Git LFS pointer, commit the file itself`);
      }
    }
  }
}

async function readFile(place: TreePlace, commit: string, path: string, maxBytes: number) {
  const entry = await findEntry(place, commit, path);
  if (entry === undefined || entry.mode === '040000') return undefined;
  if (!entry.mode.startsWith('100')) {
    throw new StalledError(`${place.subject}: ${path} is ${nameOf(entry.mode)}, which Berth does not follow`);
  }
  if (entry.size > maxBytes) {
    throw new StalledError(`${place.subject}: ${path} has ${entry.size} bytes, more than ${maxBytes}`);
  }
  return git(place, ['cat-file', 'blob', entry.oid], { maxBytes });
}

/** `git archive` of a tree stamps files with the present time: a context's cache key must leave times out. */
function archive(place: TreePlace, commit: string, path: string, signal: AbortSignal): Readable {
  const tree = path === '.' ? `${commit}^{tree}` : `${commit}:${safePath(place, path)}`;
  const release = place.hold?.();
  const stream = streamGit(['archive', '--format=tar', tree], { ...dirs(place), signal });
  if (release) stream.once('close', release);
  return stream;
}

async function holding<T>(place: TreePlace, read: () => Promise<T>): Promise<T> {
  const release = place.hold?.();
  try {
    return await read();
  } finally {
    release?.();
  }
}

async function git(
  place: TreePlace,
  args: readonly string[],
  more: { maxBytes?: number; input?: string } = {},
) {
  try {
    return await runGit(args, { ...dirs(place), ...more });
  } catch (error) {
    if (!(error instanceof GitFailure) || error.why === 'too big') throw error;
    if (error.why === 'exit') place.onBroken?.();
    throw new TransientError(`${place.subject}: its objects can't be read just now`, { cause: error });
  }
}

function dirs({ gitDir, objectDir }: TreePlace) {
  return objectDir === undefined ? { gitDir } : { gitDir, objectDir };
}

/** Relative, without `..` and empty parts: what the manifest has already normalised. */
function safePath(place: TreePlace, path: string): string {
  const parts = path.split('/');
  if (path.includes('\0') || parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new StalledError(
      `${place.subject}: the path ${JSON.stringify(path.slice(0, 80))} must lie in the repo`,
    );
  }
  return path;
}
