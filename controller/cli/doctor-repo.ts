/** Can the config repo be read, and has it the branch? A remote one is asked for its refs, as the loop will. */
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GitFailure, runGit } from '../clients/git/git.ts';
import { configTokenOf } from '../settings/config-token.ts';
import type { Settings } from '../settings.ts';
import type { Finding } from './finding.ts';

const TIMEOUT_MS = 15_000;

/** Never writes, not even a cache. */
export async function configRepoFinding(settings: Settings): Promise<Finding> {
  const { configRepo: repo, configBranch: branch } = settings;
  const name = 'config repo';
  const bad = (found: string, mend: string): Finding => ({ name, ok: false, found, mend });
  const remote = /^https?:/.test(repo);
  if (!remote && !(await isDirectory(repo))) {
    if (settings.embedded) return { name, ok: true, found: `${repo} will be made by the first start` };
    return bad(`${repo} is not a directory`, 'set BERTH_CONFIG_REPO to a Git repository');
  }
  try {
    const refs = remote ? await askRemote(settings) : await askLocal(settings);
    if (refs.trim() !== '') return { name, ok: true, found: `${repo} has branch ${branch}` };
    return bad(`${repo} has no branch ${branch}`, 'push it, or set BERTH_CONFIG_BRANCH');
  } catch (error) {
    const words = error instanceof GitFailure ? error.stderr.trim().split('\n').at(-1) : String(error);
    const mend = remote
      ? 'mend BERTH_CONFIG_REPO, or BERTH_CONFIG_TOKEN (on GitHub also GITHUB_TOKEN) if it is private'
      : 'make it a Git repository';
    return bad(`${repo} can't be read (${words})`, mend);
  }
}

async function askLocal({ configRepo, configBranch }: Settings): Promise<string> {
  // A plain directory inside some other repository is no repository.
  const env = { GIT_CEILING_DIRECTORIES: dirname(configRepo) };
  const options = { cwd: configRepo, env, timeoutMs: TIMEOUT_MS };
  await runGit(['rev-parse', '--git-dir'], options);
  const args = ['for-each-ref', '--format=%(objectname)', `refs/heads/${configBranch}`];
  return (await runGit(args, options)).toString();
}

async function askRemote(settings: Settings): Promise<string> {
  const { configRepo, configBranch } = settings;
  const token = configTokenOf(settings);
  const basic = Buffer.from(`x-access-token:${token ?? ''}`).toString('base64');
  const config = token ? [['http.extraHeader', `Authorization: Basic ${basic}`] as const] : [];
  const args = ['ls-remote', '--', configRepo, `refs/heads/${configBranch}`];
  return (await runGit(args, { config, timeoutMs: TIMEOUT_MS })).toString();
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
