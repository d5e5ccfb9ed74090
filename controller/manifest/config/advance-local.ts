/**
 * An edit of a local repository: objects, then the branch by compare-and-swap, then every work tree that has the
 * branch checked out, so that `git status` there stays clean. An empty file `berth-edit-<commit>` in the Git directory
 * stands from before the branch moves until the work trees have followed; one that a crash left is finished by the
 * next poll, or else the next `git commit` of a person would take the edit back without anyone noticing.
 */
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, StalledError } from '../../core/errors.ts';
import type { ConfigRepoOptions, Draft, Landing } from './branch.ts';
import { type Checkout, checkoutsOf, type GitDirs } from './checkouts.ts';
import { dirt, follow } from './work-tree.ts';
import { asOwner, type Writable, writeCommit, writeGit } from './write-commit.ts';

export interface LocalRepo extends Pick<ConfigRepoOptions, 'location' | 'branch' | 'file' | 'step'> {
  readonly dirs: GitDirs;
  /** The branch's commit, now. */
  readonly head: () => Promise<string>;
}

const MARK = 'berth-edit-';

/** Throws StalledError when a work tree's file is not as it was committed, before anything is written. */
export async function advanceLocal(repo: LocalRepo, draft: Draft): Promise<Landing> {
  const { dirs, file, branch, step } = repo;
  const at = await asOwner(dirs.common);
  const checkouts = await checkoutsOf(dirs, repo);
  const dirty = await firstDirt(repo, { at, checkouts, draft });
  if (dirty !== undefined) {
    if ((await repo.head()) !== draft.parent) return { moved: `${branch} moved on` };
    throw new StalledError(`${dirty}: commit or discard that first`);
  }
  const commit = await step(`git.commit ${file}`, () => writeCommit(at, file, draft));
  const moved = await step(`git.move ${branch} ${commit.slice(0, 7)}`, () =>
    moveBranch(repo, { at, draft, commit, marked: checkouts.length > 0 }),
  );
  if (moved !== undefined) return { moved };
  // The commit stands whatever comes: work trees that can't follow now do so at a later poll, which says why not.
  await finishEdits(repo).catch(() => undefined);
  return { commit };
}

/** Lets work trees follow the edits that were committed and whose mark still stands. */
export async function finishEdits(repo: LocalRepo): Promise<void> {
  const { dirs, file, step } = repo;
  for (const mark of await marks(dirs)) {
    const commit = mark.slice(MARK.length);
    const at = await asOwner(dirs.common);
    // A branch that is elsewhere never got there, or somebody has gone on from it.
    if ((await repo.head()) === commit) {
      const change = await changeOf(at, commit, file);
      for (const checkout of await checkoutsOf(dirs, repo)) await follow({ at, step }, checkout, change);
    }
    await step(`git.finish ${commit.slice(0, 7)}`, () => rm(join(dirs.common, mark), { force: true }));
  }
}

/** Asked twice, since another process may just be letting its own edit follow. */
async function firstDirt(
  repo: LocalRepo,
  { at, checkouts, draft }: { at: Writable; checkouts: readonly Checkout[]; draft: Draft },
): Promise<string | undefined> {
  let found: string | undefined;
  for (const turn of [1, 2]) {
    found = undefined;
    for (const checkout of checkouts) {
      const dirty = await dirt(at, checkout, repo.file, draft.blob);
      if (dirty !== undefined) found ??= `${join(checkout.workTree, repo.file)} ${dirty}`;
    }
    if (found === undefined) return undefined;
    if (turn === 1) await finishEdits(repo);
  }
  return found;
}

/** Undefined when the branch stands at the commit now, else why it does not. */
async function moveBranch(
  { dirs, branch, head }: LocalRepo,
  { at, draft, commit, marked }: { at: Writable; draft: Draft; commit: string; marked: boolean },
): Promise<string | undefined> {
  const mark = join(dirs.common, MARK + commit);
  if (marked) await writeFile(mark, '');
  const [subject = ''] = draft.message.text.split('\n');
  const args = ['update-ref', '-m', `berth: ${subject}`, `refs/heads/${branch}`, commit, draft.parent];
  try {
    await writeGit({ ...at, gitDir: dirs.own }, args);
    return undefined;
  } catch (error) {
    const now = await head();
    if (now === commit) return undefined;
    await rm(mark, { force: true });
    const isHeld = /\.lock': File exists/.test(messageOf(error));
    if (now === draft.parent && !isHeld) throw error;
    return isHeld ? messageOf(error) : `${branch} moved on`;
  }
}

async function changeOf(at: Writable, commit: string, file: string) {
  const from = await writeGit(at, ['rev-parse', '--verify', `${commit}^:${file}`]);
  const to = await writeGit(at, ['rev-parse', '--verify', `${commit}:${file}`]);
  const text = await writeGit(at, ['cat-file', 'blob', to.trim()]);
  return { file, from: from.trim(), to: to.trim(), bytes: Buffer.from(text, 'latin1') };
}

async function marks({ common }: GitDirs): Promise<readonly string[]> {
  return (await readdir(common)).filter((name) => /^berth-edit-[0-9a-f]{40}$/.test(name));
}
