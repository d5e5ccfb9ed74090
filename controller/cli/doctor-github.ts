/**
 * What `berth doctor` finds at GitHub: is the token good, and what does it lack. A classic token's scopes are told with any
 * answer; what a fine-grained one may write is only told by trying, here on a commit and a deployment that can't exist.
 */
import { NoAccessError } from '../clients/github/errors.ts';
import { createGitHub } from '../clients/github/github.ts';
import { gitOrigin, repoOn } from '../clients/github/host.ts';
import { shown } from '../clients/github/names.ts';
import type { GitHub, RepoFacts, RepoName } from '../clients/github/types.ts';
import { messageOf, StalledError } from '../core/errors.ts';
import { runStep } from '../core/step.ts';
import type { Settings } from '../settings.ts';
import type { Finding } from './finding.ts';

type Needed = Pick<Settings, 'github' | 'configRepo'>;

const NAME = 'github';
const TIMEOUT_MS = 15_000;
const NO_COMMIT = '0'.repeat(40);

/** Never throws; makes nothing. */
export async function githubFinding({ github: login, configRepo }: Needed): Promise<Finding> {
  const { token, apiUrl } = login;
  if (token === undefined)
    return { name: NAME, ok: true, found: 'off, public repos only: GITHUB_TOKEN turns it on' };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const github = createGitHub({ apiUrl, token, step: runStep, signal });
  const tokens = `${gitOrigin(apiUrl)}/settings/tokens`;
  try {
    const { scopes } = await github.token();
    const repo = repoOn(apiUrl, configRepo);
    if (!repo) return good(scopes, ', the config repo is not there');
    const facts = await github.repo(repo);
    if (!facts) return bad(`GITHUB_TOKEN can't see ${shown(repo)}`, `give it access at ${tokens}`);
    const lacks = scopes ? lackingScopes(scopes, facts) : await lackingRights(github, repo, facts);
    if (lacks.length === 0) return good(scopes, '');
    const mend = `add ${lacks.length > 1 ? 'them' : 'it'} at ${tokens}`;
    return bad(`GITHUB_TOKEN lacks ${lacks.join(', ')}`, mend);
  } catch (error) {
    const refused = error instanceof StalledError;
    const mend = refused ? `make a new one at ${tokens}` : 'try again, or correct GITHUB_API_URL';
    return bad(messageOf(error), mend);
  }
}

function good(scopes: readonly string[] | undefined, more: string): Finding {
  const kind = scopes ? `classic, scopes ${scopes.join(', ') || 'none'}` : 'fine-grained';
  return { name: NAME, ok: true, found: `GITHUB_TOKEN is valid (${kind})${more}` };
}

function bad(found: string, mend: string): Finding {
  return { name: NAME, ok: false, found, mend };
}

/** `repo` holds all the others (docs.github.com, "Scopes for OAuth apps"). */
function lackingScopes(scopes: readonly string[], { private: hidden }: RepoFacts): readonly string[] {
  const has = (scope: string): boolean => scopes.includes(scope);
  if (has('repo') || (!hidden && has('public_repo'))) return [];
  if (hidden) return ['the scope repo'];
  const wanted = ['repo:status', 'repo_deployment'].filter((scope) => !has(scope));
  return wanted.map((scope) => `the scope ${scope}`);
}

async function lackingRights(
  github: GitHub,
  repo: RepoName,
  { defaultBranch }: RepoFacts,
): Promise<readonly string[]> {
  const deployment = { repo, commit: NO_COMMIT, environment: 'berth-doctor', mark: '' };
  const status = { state: 'pending', description: 'berth doctor' } as const;
  const tries: readonly (readonly [right: string, attempt: () => Promise<unknown>])[] = [
    ['Contents: read-only', () => github.headOf(repo, defaultBranch)],
    ['Commit statuses: read and write', () => github.setStatus(repo, NO_COMMIT, 'berth', status)],
    [
      'Deployments: read and write',
      () => github.setDeploymentStatus(deployment, 0, { state: 'inactive', description: '' }),
    ],
  ];
  const lacks: string[] = [];
  for (const [right, attempt] of tries) if (!(await isAllowed(attempt))) lacks.push(right);
  return lacks;
}

/** What may be done and can't be is refused with 404 or 422; what may not be done, with 403. */
async function isAllowed(attempt: () => Promise<unknown>): Promise<boolean> {
  try {
    await attempt();
    return true;
  } catch (error) {
    if (!(error instanceof StalledError)) throw error;
    const { status } = (error.cause ?? {}) as { readonly status?: unknown };
    if (status === 401) throw error;
    return !(error instanceof NoAccessError && status === 403);
  }
}
