/** The GitHub client against a strict stand-in: what is read, what is written, and what is never trusted or repeated. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createGitHub } from '../../controller/clients/github/github.ts';
import type { CommitStatus, GitHub, GitHubDeployment } from '../../controller/clients/github/types.ts';
import { StalledError, TransientError } from '../../controller/core/errors.ts';
import { runStep } from '../../controller/core/step.ts';
import { type GithubApi, startGithub } from '../support/github-api.ts';
import type { Fault } from '../support/github-state.ts';
import type { TestRepo } from '../support/make-repo.ts';

const TOKEN = 'ce-token-0123456789';
const BLOG = { owner: 'acme', name: 'blog' };

let api: GithubApi;
let repo: TestRepo;
let head: string;
let effects: string[];
let nowMs: number;
let github: GitHub;

beforeEach(async () => {
  api = await startGithub();
  repo = api.addRepo('acme/blog', { private: true });
  head = repo.commit({ 'index.html': 'hi', 'app/server.js': 'x', 'app/lib/a.js': 'aa' });
  api.addToken(TOKEN);
  effects = [];
  nowMs = 0;
  github = open();
});

afterEach(() => api.close());

function open(token = TOKEN): GitHub {
  return createGitHub({
    apiUrl: api.apiUrl,
    token,
    step: (label, effect) => {
      effects.push(label);
      return runStep(label, effect);
    },
    signal: new AbortController().signal,
    timeoutMs: 500,
    nowMs: () => nowMs,
  });
}

const failureOf = async (work: Promise<unknown>): Promise<Error> => {
  const failure = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(failure instanceof Error)) throw new Error('it did not fail');
  return failure;
};

const status = (more: Partial<CommitStatus> = {}): CommitStatus => ({
  state: 'success',
  description: '3 deployments running',
  ...more,
});

describe('reading', () => {
  test('a repo and its default branch; one that the token may not see is not there', async () => {
    expect(await github.repo(BLOG)).toEqual({ private: true, defaultBranch: 'main' });
    expect(await github.repo({ owner: 'acme', name: 'nope' })).toBeUndefined();
    api.addToken('stranger', { repos: ['acme/other'] });
    expect(await open('stranger').repo(BLOG)).toBeUndefined();
  });

  test('branches over several pages, sorted', async () => {
    for (let n = 0; n < 120; n += 1) repo.git('update-ref', `refs/heads/b${n}`, head);
    const { names, more } = await github.branches(BLOG);
    expect([names.length, names[0], names.at(-1), more]).toEqual([121, 'b0', 'main', false]);
    expect(api.calls.map(({ query }) => query.page)).toEqual(['1', '2']);
  });

  test('the head of a branch, with slashes too', async () => {
    repo.git('update-ref', 'refs/heads/team/live', head);
    expect(await github.headOf(BLOG, 'team/live')).toBe(head);
    expect(await github.headOf(BLOG, 'nope')).toBeUndefined();
  });

  test('a tree and a file of it', async () => {
    const { items, truncated } = await github.tree(BLOG, head, true);
    expect(items.map(({ path, mode, size }) => [path, mode, size])).toEqual([
      ['app', '040000', 0],
      ['app/lib', '040000', 0],
      ['app/lib/a.js', '100644', 2],
      ['app/server.js', '100644', 1],
      ['index.html', '100644', 2],
    ]);
    expect(truncated).toBe(false);
    const file = items.find(({ path }) => path === 'app/lib/a.js');
    expect((await github.blob(BLOG, file?.oid ?? '')).toString()).toBe('aa');
  });

  test('what the token may', async () => {
    expect(await github.token()).toMatchObject({ scopes: ['repo'] });
    api.addToken('fine', { permissions: { contents: 'read' } });
    expect(await open('fine').token()).not.toHaveProperty('scopes');
    expect(effects).toEqual([]);
  });
});

describe('writing', () => {
  test('a commit status, read back', async () => {
    expect(await github.status(BLOG, head, 'berth')).toBeUndefined();
    const targetUrl = 'https://admin.example.com/';
    await github.setStatus(BLOG, head, 'berth', status({ state: 'pending' }));
    await github.setStatus(BLOG, head, 'berth', status({ targetUrl }));
    await github.setStatus(BLOG, head, 'other', status({ state: 'failure' }));
    expect(await github.status(BLOG, head, 'Berth')).toEqual(status({ targetUrl }));
    expect(api.statuses('acme/blog', head).map(({ context, state }) => `${context} ${state}`)).toEqual([
      'other failure',
      'berth success',
      'berth pending',
    ]);
    expect(effects[0]).toBe(`github.status acme/blog ${head.slice(0, 7)} pending`);
  });

  test('a description of 141 characters is refused, 140 are not', async () => {
    await github.setStatus(BLOG, head, 'berth', status({ description: 'é'.repeat(140) }));
    const error = await failureOf(
      github.setStatus(BLOG, head, 'berth', status({ description: 'x'.repeat(141) })),
    );
    expect(error).toBeInstanceOf(StalledError);
    expect(error.message).toContain('too long');
  });

  test('a deployment is made once, told from a foreign one, and ends no other', async () => {
    const deployment: GitHubDeployment = {
      ...{ repo: BLOG, commit: head, environment: 'shop', mark: 'test/shop' },
    };
    api.state.repos.get('acme/blog')?.deployments.push({
      ...{ id: 9999, sha: head, ref: head, task: 'deploy', environment: 'shop', description: null },
      ...{ payload: '{"berth":"other/shop"}', production: false, transient: false, statuses: [] },
    });
    expect(await github.deployments(deployment, head)).toEqual([]);
    const first = await github.createDeployment(deployment);
    expect(await github.deployments(deployment, head)).toEqual([first]);
    expect(await github.deploymentStatus(BLOG, first)).toBeUndefined();
    const url = 'https://shop.example.com';
    await github.setDeploymentStatus(deployment, first, {
      state: 'success',
      description: '',
      environmentUrl: url,
    });
    expect(await github.deploymentStatus(BLOG, first)).toEqual({
      ...{ state: 'success', description: '', environmentUrl: url },
    });
    const next = { ...deployment, commit: repo.commit({ 'index.html': 'ho' }) };
    const second = await github.createDeployment(next);
    await github.setDeploymentStatus(next, second, { state: 'success', description: '' });
    expect(await github.deploymentStatus(BLOG, first)).toMatchObject({ state: 'success' });
    expect(await github.deployments(deployment)).toEqual([second, first]);
    expect(api.deployments('acme/blog').find(({ id }) => id === 9999)?.statuses).toEqual([]);
  });

  test('a right that is missing is named', async () => {
    api.addToken('fine', { permissions: { contents: 'read' } });
    const error = await failureOf(open('fine').setStatus(BLOG, head, 'berth', status()));
    expect(error).toBeInstanceOf(StalledError);
    expect(error.message).toBe(
      `GITHUB_TOKEN may not set the status of ${head.slice(0, 7)} in acme/blog (403): it needs statuses=write`,
    );
  });
});

const FAULTS: readonly (readonly [string, Fault, typeof TransientError | typeof StalledError, string])[] = [
  ['a page in place of JSON', { kind: 'html' }, TransientError, 'check GITHUB_API_URL'],
  ['an empty object', { kind: 'status', status: 200, body: {} }, TransientError, 'check GITHUB_API_URL'],
  ['an outage', { kind: 'status', status: 502 }, TransientError, '502'],
  ['no answer', { kind: 'hang' }, TransientError, 'too long'],
  ['a connection cut', { kind: 'reset' }, TransientError, "can't be reached"],
  ['a revoked token', { kind: 'status', status: 401 }, StalledError, 'set a new one'],
  [
    'a rate limit',
    { kind: 'status', status: 429, headers: { 'retry-after': '300' } },
    TransientError,
    'fewer requests',
  ],
];

describe('what goes wrong', () => {
  test.each(FAULTS)(
    '%s pauses everything, and nothing is sent meanwhile',
    async (_what, fault, type, says) => {
      api.fail(/./, fault);
      const error = await failureOf(github.branches(BLOG));
      expect(error).toBeInstanceOf(type);
      expect(error.message).toContain(says);
      expect(error.message).not.toContain(TOKEN);
      const asked = api.calls.length;
      expect(github.pausedMs).toBeGreaterThan(0);
      expect(await failureOf(github.repo(BLOG))).toBeInstanceOf(TransientError);
      expect(api.calls).toHaveLength(asked);
      nowMs += github.pausedMs;
      expect(await github.repo(BLOG)).toBeDefined();
    },
  );

  test('a limit that is spent pauses until its reset', async () => {
    api.state.limit.remaining = 1;
    expect(await github.repo(BLOG)).toBeDefined();
    expect(github.pausedMs).toBeGreaterThan(3_000_000);
    expect(await failureOf(github.repo(BLOG))).toBeInstanceOf(TransientError);
    expect(api.calls).toHaveLength(1);
  });

  test('a second page that fails is no half list', async () => {
    for (let n = 0; n < 120; n += 1) repo.git('update-ref', `refs/heads/b${n}`, head);
    api.fail(/page=2/, { kind: 'status', status: 500 });
    expect(await failureOf(github.branches(BLOG))).toBeInstanceOf(TransientError);
  });

  test('a deployment whose answer was lost is found again', async () => {
    const deployment: GitHubDeployment = { repo: BLOG, commit: head, environment: 'shop', mark: 'test/shop' };
    api.fail(/POST .*deployments/, { kind: 'lost' });
    expect(await failureOf(github.createDeployment(deployment))).toBeInstanceOf(TransientError);
    nowMs += github.pausedMs;
    expect(await github.deployments(deployment, head)).toHaveLength(1);
  });

  test('a renamed repo is read at its new name, and a write says so when it can not follow', async () => {
    api.addRepo('acme/journal').commit({ x: '1' });
    const moved = api.state.repos.get('acme/journal');
    if (moved) moved.formerly = 'acme/diary';
    const diary = { owner: 'acme', name: 'diary' };
    expect(await github.repo(diary)).toEqual({ private: false, defaultBranch: 'main' });
    api.fail(/POST/, { kind: 'redirect', to: `${api.apiUrl}/repos/acme/journal/statuses/x`, status: 301 });
    const error = await failureOf(github.setStatus(diary, head, 'berth', status()));
    expect(error.message).toContain('renamed');
  });
});

describe('the token', () => {
  test('leaves with every call, and with nothing else', async () => {
    await github.repo(BLOG);
    expect(api.calls[0]?.authorization).toBe(`token ${TOKEN}`);
  });

  test.each([301, 302, 307, 308])('a %i to another port sees nothing, not even a call', async (status) => {
    const seen: (string | undefined)[] = [];
    const canary = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.end('{}');
    });
    await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve));
    const { port } = canary.address() as AddressInfo;
    for (const host of ['127.0.0.1', 'localhost']) {
      api.fail(/./, { kind: 'redirect', to: `http://${host}:${port}/`, status });
      const error = await failureOf(github.repo(BLOG));
      expect(error).toBeInstanceOf(StalledError);
      expect(error.message).toContain('where the token does not go');
    }
    api.fail(/POST/, { kind: 'redirect', to: `http://127.0.0.1:${port}/`, status });
    await failureOf(github.setStatus(BLOG, head, 'berth', { state: 'success', description: '' }));
    canary.close();
    expect(seen).toEqual([]);
  });

  test('a circle of redirects ends', async () => {
    api.fail(/./, { kind: 'redirect', to: `${api.apiUrl}/repos/acme/blog` }, 10);
    expect((await failureOf(github.repo(BLOG))).message).toContain('circle');
    expect(api.calls.length).toBeLessThan(6);
  });
});
