/** What `berth doctor` says of GitHub, and that it makes nothing there. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { githubFinding } from '../../controller/cli/doctor-github.ts';
import { type GithubApi, startGithub } from '../support/github-api.ts';
import type { Rights } from '../support/github-state.ts';

const TOKEN = 'ghp-ce-canary-0123456789abcdef';

let api: GithubApi;

beforeEach(async () => {
  api = await startGithub();
  api.addRepo('acme/private', { private: true }).commit({ x: '' });
  api.addRepo('acme/public').commit({ x: '' });
});

afterEach(() => api.close());

const finding = (repo: string, token: string | null = TOKEN) =>
  githubFinding({
    github: { apiUrl: api.apiUrl, ...(token !== null && { token }) },
    configRepo: repo.startsWith('/') ? repo : `${api.origin}/${repo}`,
  });

test('without a token it is off, and nothing is asked', async () => {
  const found = 'off, public repos only: GITHUB_TOKEN turns it on';
  expect(await finding('acme/private', null)).toEqual({ name: 'github', ok: true, found });
  expect(api.calls).toEqual([]);
});

const ALL = { contents: 'read', statuses: 'write', deployments: 'write' } as const;

const CASES: readonly (readonly [string, string, Rights, string])[] = [
  [
    'a classic one with all',
    'acme/private',
    { scopes: ['repo'] },
    'ok: GITHUB_TOKEN is valid (classic, scopes repo)',
  ],
  [
    'for public repos',
    'acme/public',
    { scopes: ['public_repo'] },
    'ok: GITHUB_TOKEN is valid (classic, scopes public_repo)',
  ],
  [
    'without any scope',
    'acme/public',
    { scopes: [] },
    'lacks the scope repo:status, the scope repo_deployment',
  ],
  ['without one', 'acme/public', { scopes: ['repo:status'] }, 'GITHUB_TOKEN lacks the scope repo_deployment'],
  [
    'blind to a private repo',
    'acme/private',
    { scopes: ['public_repo'] },
    "GITHUB_TOKEN can't see acme/private",
  ],
  [
    'a fine-grained one with all',
    'acme/private',
    { permissions: ALL },
    'ok: GITHUB_TOKEN is valid (fine-grained)',
  ],
  [
    'a fine-grained one that only reads',
    'acme/private',
    { permissions: { contents: 'read', statuses: 'read' } },
    'GITHUB_TOKEN lacks Commit statuses: read and write, Deployments: read and write',
  ],
  [
    'a fine-grained one without the code',
    'acme/private',
    { permissions: { statuses: 'write', deployments: 'write' } },
    'GITHUB_TOKEN lacks Contents: read-only',
  ],
  [
    'a config repo elsewhere',
    '/srv/config',
    { scopes: [] },
    'ok: GITHUB_TOKEN is valid (classic, scopes none), the config repo is not there',
  ],
];

test.each(CASES)('%s', async (_what, repo, rights, says) => {
  api.addToken(TOKEN, rights);
  const { name, ok, found, mend } = await finding(repo);
  expect(`${ok ? 'ok: ' : ''}${found}`).toContain(says);
  expect([name, ok]).toEqual(['github', says.startsWith('ok')]);
  if (!ok) expect(mend).toContain(`${api.origin}/settings/tokens`);
  for (const state of api.state.repos.values()) expect([state.statuses, state.deployments]).toEqual([[], []]);
});

test('a token that is refused, and an API that is none', async () => {
  const refused = await finding('acme/private');
  expect(refused).toMatchObject({ ok: false, found: 'GitHub refuses GITHUB_TOKEN (401): set a new one' });
  api.addToken(TOKEN);
  api.fail(/./, { kind: 'html' });
  expect(await finding('acme/private')).toMatchObject({
    ok: false,
    mend: 'try again, or correct GITHUB_API_URL',
  });
  expect(JSON.stringify(refused)).not.toContain(TOKEN);
});
