/** Where a branch of a local repository is checked out: its own work tree, and linked ones. Reads, never writes. */
import { access, readdir, readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** The Git directory of one work tree, and what all of its repository share (gitrepository-layout). */
export interface GitDirs {
  readonly own: string;
  readonly common: string;
}

export interface Checkout {
  /** With this work tree's own HEAD and index. */
  readonly gitDir: string;
  readonly workTree: string;
}

/** A bare repository has none of its own, but may have linked ones. A detached HEAD counts for no branch. */
export async function checkoutsOf(
  { own, common }: GitDirs,
  { location, branch }: { readonly location: string; readonly branch: string },
): Promise<readonly Checkout[]> {
  const here = (await exists(join(location, '.git'))) ? [{ gitDir: own, workTree: location }] : [];
  const main = basename(common) === '.git' ? [{ gitDir: common, workTree: dirname(common) }] : [];
  const all = new Map([...main, ...(await linked(common)), ...here].map((one) => [one.gitDir, one]));
  const found: Checkout[] = [];
  for (const one of all.values()) {
    const head = await readFile(join(one.gitDir, 'HEAD'), 'utf8').catch(() => '');
    // Without an index nothing was ever checked out there.
    const isThere = (await exists(join(one.gitDir, 'index'))) && (await exists(one.workTree));
    if (isThere && head.trim() === `ref: refs/heads/${branch}`)
      found.push({ ...one, workTree: await realpath(one.workTree) });
  }
  return found;
}

/** `worktrees/<id>/gitdir` names the `.git` file of a linked work tree. */
async function linked(common: string): Promise<readonly Checkout[]> {
  const ids = await readdir(join(common, 'worktrees')).catch(() => []);
  const checkouts: Checkout[] = [];
  for (const id of ids) {
    const gitDir = join(common, 'worktrees', id);
    const dotGit = (await readFile(join(gitDir, 'gitdir'), 'utf8').catch(() => '')).trim();
    if (dotGit !== '') checkouts.push({ gitDir: await realpath(gitDir), workTree: dirname(dotGit) });
  }
  return checkouts;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
