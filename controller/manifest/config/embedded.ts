/** The config repo that Berth itself makes on its first start: a normal one, to `cd` into, edit and commit. */
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runGit } from '../../clients/git/git.ts';
import { StalledError } from '../../core/errors.ts';
import type { Step } from '../../core/step.ts';
import { WHO } from './write-commit.ts';

/**
 * Makes a repo at `dir` with `files` (path to text) as its first commit on `main`. Does nothing where a `.git` is:
 * that one is the user's. Made beside and renamed, so that a crash leaves all of it or nothing.
 */
export async function initEmbedded(
  dir: string,
  files: Readonly<Record<string, string>>,
  step: Step,
): Promise<void> {
  const there = await readdir(dir).catch(noneIfGone);
  if (there.includes('.git')) return;
  if (there.length > 0) {
    throw new StalledError(`${dir} is in the way of the config repo: move its files, or run git init there`);
  }
  await step('git.init config', async () => {
    const beside = `${dir}.new`;
    await rm(beside, { recursive: true, force: true });
    await mkdir(beside, { recursive: true });
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(beside, path)), { recursive: true });
      await writeFile(join(beside, path), text);
    }
    const at = { cwd: beside, env: WHO };
    await runGit(['init', '--quiet', '--template=', '--initial-branch=main'], at);
    await runGit(['add', '--all'], at);
    await runGit(['commit', '--quiet', '--no-gpg-sign', '-m', 'Start with an example'], at);
    await rename(beside, dir);
  });
}

function noneIfGone(error: NodeJS.ErrnoException): readonly string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}
