/**
 * The file in a work tree whose branch Berth moves. It follows only where it, and its index entry, are what the branch
 * held before: what somebody has changed there and not committed is never overwritten. Git is asked for the index
 * alone; the file is written here, beside and renamed, as it was owned and with its mode.
 */
import { createHash, randomBytes } from 'node:crypto';
import { lstat, open, readFile, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TransientError } from '../../core/errors.ts';
import type { Step } from '../../core/step.ts';
import type { Checkout } from './checkouts.ts';
import { CONFIG_FILE_MAX_BYTES } from './file.ts';
import { type Writable, writeGit } from './write-commit.ts';

export interface Followed {
  readonly file: string;
  /** Blob that the branch held before. */
  readonly from: string;
  /** Blob and bytes that stand there now. */
  readonly to: string;
  readonly bytes: Buffer;
}

/** Somebody else's git may hold the index for a moment. */
const LOCK_TRIES = 10;

/** What keeps the file there from following, as a sentence's end; undefined when it is as the commit has it. */
export async function dirt(
  at: Writable,
  checkout: Checkout,
  file: string,
  blob: string,
): Promise<string | undefined> {
  const entry = await indexEntry(at, checkout, file);
  if (entry?.oid !== blob) return 'has changes that are staged';
  const there = await fileThere(checkout, file);
  if (there === undefined) return 'is gone, or no regular file,';
  return there.oid === blob ? undefined : 'has changes that are not committed';
}

/** Index entry and file, each only if it is still what it was. Throws TransientError while the index is locked. */
export async function follow(
  { at, step }: { readonly at: Writable; readonly step: Step },
  checkout: Checkout,
  change: Followed,
): Promise<void> {
  const { file, from, to } = change;
  const entry = await indexEntry(at, checkout, file);
  if (entry?.oid === from) {
    const line = `${entry.mode},${to},${file}`;
    await step(`git.index ${checkout.gitDir} ${file}`, () => setIndex(at, checkout, line));
  }
  const there = await fileThere(checkout, file);
  if (there?.oid === from) await step(`git.follow ${there.path}`, () => replaceFile(checkout, there, change));
}

interface FileThere {
  readonly path: string;
  readonly oid: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

async function indexEntry(
  at: Writable,
  { gitDir }: Checkout,
  file: string,
): Promise<{ readonly mode: string; readonly oid: string } | undefined> {
  const lines = (await writeGit({ ...at, gitDir }, ['ls-files', '--stage', '-z', '--', file]))
    .split('\0')
    .slice(0, -1);
  // A conflict has several stages, none of them 0.
  const [, mode, oid] = /^(\d{6}) ([0-9a-f]{40}) 0\t/.exec(lines.length === 1 ? (lines[0] ?? '') : '') ?? [];
  return mode === undefined || oid === undefined ? undefined : { mode, oid };
}

/** Reached without any link on the way, and not larger than a file that is read. */
async function fileThere({ workTree }: Checkout, file: string): Promise<FileThere | undefined> {
  const path = join(workTree, file);
  try {
    const info = await lstat(path);
    const direct = (await realpath(dirname(path))) === dirname(path);
    if (!info.isFile() || !direct || info.size > CONFIG_FILE_MAX_BYTES) return undefined;
    const { mode, uid, gid } = info;
    return { path, oid: blobId(await readFile(path)), mode, uid, gid };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

async function setIndex(at: Writable, { gitDir }: Checkout, entry: string): Promise<void> {
  for (let turn = 1; ; turn += 1) {
    try {
      await writeGit({ ...at, gitDir }, ['update-index', '--cacheinfo', entry]);
      return;
    } catch (error) {
      const isLocked = error instanceof TransientError && error.message.includes('index.lock');
      if (!isLocked || turn === LOCK_TRIES) throw error;
      await sleep(turn * 20);
    }
  }
}

async function replaceFile(
  checkout: Checkout,
  there: FileThere,
  { file, from, bytes }: Followed,
): Promise<void> {
  const beside = `${there.path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const handle = await open(beside, 'wx', there.mode & 0o777);
    try {
      await handle.writeFile(bytes);
      if (process.getuid?.() === 0) await handle.chown(there.uid, there.gid);
      await handle.chmod(there.mode & 0o777);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // An editor may have saved since it was looked at: this leaves it no more than an instant.
    if ((await fileThere(checkout, file))?.oid === from) await rename(beside, there.path);
  } finally {
    await rm(beside, { force: true });
  }
}

/** As `git hash-object` has it, without the filters of a repository's attributes. */
function blobId(bytes: Buffer): string {
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}
