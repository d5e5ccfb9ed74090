/**
 * One file of a commit changed, as a new commit beside it. Objects only: no ref moves, no index and no work tree is
 * needed, so that a crash leaves nothing but a few objects that nobody names. Every other entry of every directory
 * on the way is passed on as it is, in bytes, with its mode.
 */
import { stat } from 'node:fs/promises';
import { type GitConfig, GitFailure, type GitOptions, runGit } from '../../clients/git/git.ts';
import { StalledError, TransientError } from '../../core/errors.ts';
import type { Draft } from './branch.ts';

/** A repository that is written to, as whose user. */
export interface Writable {
  readonly gitDir: string;
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** Author and committer of every commit of ours. */
export const WHO = {
  GIT_AUTHOR_NAME: 'Berth',
  GIT_AUTHOR_EMAIL: 'berth@localhost',
  GIT_COMMITTER_NAME: 'Berth',
  GIT_COMMITTER_EMAIL: 'berth@localhost',
};

/** A power cut after a ref moved must not find its objects missing (git-config, core.fsync). */
const CONFIG: GitConfig = [
  ['core.fsync', 'all'],
  ['i18n.commitEncoding', 'UTF-8'],
];

/** Root writes as the one who owns the repository, who could not go on working in it otherwise. */
export async function asOwner(gitDir: string): Promise<Writable> {
  if (process.getuid?.() !== 0) return { gitDir };
  const { uid, gid } = await stat(gitDir);
  return uid === 0 ? { gitDir } : { gitDir, owner: { uid, gid } };
}

/** Git on that repository. Throws StalledError or TransientError that says what keeps it from being written. */
export async function writeGit(
  at: Writable,
  args: readonly string[],
  more: GitOptions = {},
): Promise<string> {
  try {
    return (await runGit(args, { ...at, env: WHO, config: CONFIG, ...more })).toString('latin1');
  } catch (error) {
    throw error instanceof GitFailure ? explain(error, at.gitDir) : error;
  }
}

/** The id of the new commit. The file must be there at the draft's parent. */
export async function writeCommit(at: Writable, file: string, draft: Draft): Promise<string> {
  const blob = await writeGit(at, ['hash-object', '-w', '--stdin'], { input: draft.text });
  const tree = await withBlob(at, `${draft.parent}^{tree}`, file.split('/'), blob.trim());
  const commit = await writeGit(at, ['commit-tree', tree, '-p', draft.parent], { input: draft.message.text });
  return commit.trim();
}

/** The newest of the last commits of a ref that has this line in its message. */
export async function findCommit(at: Writable, ref: string, line: string): Promise<string | undefined> {
  const args = ['log', `--max-count=1`, '--format=%H', '--fixed-strings', `--grep=${line}`, ref, '--'];
  return (await writeGit(at, args)).trim() || undefined;
}

/** Names are bytes, in whatever encoding: latin1 carries them there and back. */
async function withBlob(
  at: Writable,
  tree: string,
  [name = '', ...rest]: readonly string[],
  blob: string,
): Promise<string> {
  const wanted = Buffer.from(name).toString('latin1');
  const lines: string[] = [];
  for (const line of (await writeGit(at, ['ls-tree', '-z', tree])).split('\0').slice(0, -1)) {
    const [, mode, type, oid = '', path] = /^(\d+) (\w+) (\w+)\t(.+)$/s.exec(line) ?? [];
    if (path !== wanted) lines.push(line);
    else {
      const next = rest.length > 0 ? await withBlob(at, oid, rest, blob) : blob;
      lines.push(`${mode} ${type} ${next}\t${path}`);
    }
  }
  const input = Buffer.from(lines.map((line) => `${line}\0`).join(''), 'latin1');
  return (await writeGit(at, ['mktree', '-z', '--missing'], { input })).trim();
}

function explain(failure: GitFailure, gitDir: string): Error {
  const { why, stderr } = failure;
  const because = { cause: failure };
  if (why === 'not started') return new StalledError('git was not found: install the git package', because);
  if (/permission|Read-only file system|not permitted/i.test(stderr)) {
    return new StalledError(
      `the config repo ${gitDir} can't be written to: give it to the user that Berth runs as`,
      because,
    );
  }
  if (/No space left on device/.test(stderr)) {
    return new TransientError(`the config repo ${gitDir} can't be written to: the disk is full`, because);
  }
  const first = stderr.split('\n').find((line) => line.trim() !== '') ?? why;
  return new TransientError(`the config repo ${gitDir} can't be written to: ${first.trim()}`, because);
}
