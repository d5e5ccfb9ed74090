/** `GITHUB_TOKEN` opens what is on its own host, for app repos and for the config repo, and no other origin ever sees it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSources } from '../../controller/clients/git/sources.ts';
import { gitCredentials } from '../../controller/clients/github/host.ts';
import { openStore } from '../../controller/clients/store.ts';
import type { SourceHead, Sources } from '../../controller/clients/types.ts';
import { runStep } from '../../controller/core/step.ts';
import { createLog } from '../../controller/log.ts';
import { createWorld, type RealWorld } from '../../controller/loop/world.ts';
import { readSettings } from '../../controller/settings.ts';
import { type GithubApi, startGithub } from '../support/github-api.ts';
import type { TestRepo } from '../support/make-repo.ts';

const TOKEN = 'ghp-ce-canary-0123456789abcdef';

let root: string;
let api: GithubApi;
let repo: TestRepo & { readonly url: string };
let commit: string;
let canary: Server;
let seen: IncomingHttpHeaders[];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'berth-token-'));
  api = await startGithub();
  api.addToken(TOKEN);
  repo = api.addRepo('acme/private', { private: true });
  commit = repo.commit({ 'deployments.yaml': 'deployments: {}\n' });
  seen = [];
  canary = createServer((request, response) => {
    seen.push(request.headers);
    // Whoever would answer a question for a login with the token, does it now.
    response.writeHead(401, { 'www-authenticate': 'Basic realm="GitHub"' }).end();
  });
  await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  canary.close();
  canary.closeAllConnections();
  await api.close();
  rmSync(root, { recursive: true, force: true });
});

const canaryPort = (): number => (canary.address() as AddressInfo).port;

async function headOf(sources: Sources, url: string): Promise<SourceHead> {
  const query = { repo: url, ref: {}, path: '.' };
  sources.head(query);
  await sources.settle(AbortSignal.timeout(30_000));
  return sources.head(query);
}

async function withSources<T>(use: (sources: Sources) => Promise<T>, token = TOKEN): Promise<T> {
  const sources = createSources({
    ...{ dir: join(root, 'sources'), step: runStep, onChange: () => {} },
    gitAllow: ['127.0.0.1', 'localhost'],
    credentials: gitCredentials({ apiUrl: api.apiUrl, token }),
  });
  try {
    return await use(sources);
  } finally {
    await sources.close();
  }
}

const errorOf = (head: SourceHead): string => (head.state === 'failed' ? head.error.message : head.state);

test('a private app repo is read with it', async () => {
  expect(await withSources((sources) => headOf(sources, repo.url))).toMatchObject({ state: 'known', commit });
  expect(errorOf(await withSources((sources) => headOf(sources, repo.url), 'wrong'))).toContain('login');
});

test.each(['127.0.0.1', 'localhost'])('an app repo on another port of %s sees no token', async (host) => {
  const url = `http://${host}:${canaryPort()}/acme/private`;
  expect(errorOf(await withSources((sources) => headOf(sources, url)))).toContain('login');
  expect(seen.length).toBeGreaterThan(0);
  expect(seen.filter(({ authorization }) => authorization !== undefined)).toEqual([]);
});

test('the same host under another name is another origin', async () => {
  const { port } = new URL(api.origin);
  api.git.authorizations.length = 0;
  const url = `http://localhost:${port}/acme/private`;
  expect(errorOf(await withSources((sources) => headOf(sources, url)))).toContain('login');
  expect(api.git.authorizations).toEqual([]);
});

test.each(['127.0.0.1', 'localhost'])(
  'a redirect of an app repo to another port of %s is not followed',
  async (host) => {
    api.git.redirectTo = `http://${host}:${canaryPort()}`;
    expect(errorOf(await withSources((sources) => headOf(sources, repo.url)))).toContain(
      'redirects elsewhere',
    );
    expect(seen).toEqual([]);
  },
);

async function worldWith(env: Readonly<Record<string, string>>): Promise<RealWorld> {
  const all = {
    BERTH_DATA_DIR: join(root, 'data'),
    BERTH_CONFIG_REPO: repo.url,
    GITHUB_API_URL: api.apiUrl,
    ...env,
  };
  const { settings, errors } = readSettings(all, root);
  if (!settings) throw new Error(errors.join('\n'));
  const store = await openStore(join(root, 'data/state.json'), { warn: () => {}, step: runStep });
  const log = createLog('error');
  return createWorld(settings, { store, log, step: runStep, poke: () => {}, dryRun: false });
}

/** Head of the config repo in a world of its own, or why there is none. */
async function configHead(env: Readonly<Record<string, string>>): Promise<string> {
  const world = await worldWith(env);
  try {
    await world.config.poll(AbortSignal.timeout(10_000));
    return (await world.config.head(AbortSignal.timeout(10_000))).commit;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await world.close();
  }
}

test('a private config repo on that host is read with it, unless it has a token of its own', async () => {
  expect(await configHead({})).toContain('private or misspelt (401)');
  expect(await configHead({ GITHUB_TOKEN: TOKEN })).toBe(commit);
  expect(await configHead({ GITHUB_TOKEN: TOKEN, BERTH_CONFIG_TOKEN: 'stale' })).toContain('(401)');
  // A world that asks only Git asks the API nothing.
  expect(api.calls).toEqual([]);
});

test('a config repo anywhere else sees no token', async () => {
  for (const host of ['127.0.0.1', 'localhost']) {
    const BERTH_CONFIG_REPO = `http://${host}:${canaryPort()}/acme/private`;
    expect(await configHead({ GITHUB_TOKEN: TOKEN, BERTH_CONFIG_REPO })).toContain('(401)');
  }
  expect(seen.length).toBeGreaterThan(0);
  expect(seen.filter(({ authorization }) => authorization !== undefined)).toEqual([]);
});

test('a redirect of the config repo to elsewhere is not followed', async () => {
  for (const host of ['127.0.0.1', 'localhost']) {
    api.git.redirectTo = `http://${host}:${canaryPort()}`;
    expect(await configHead({ GITHUB_TOKEN: TOKEN })).toContain('redirects to');
  }
  expect(seen).toEqual([]);
});

test('without a token there is no call at all', async () => {
  const open = api.addRepo('acme/open');
  const shown = open.commit({ 'index.html': '' });
  const world = await worldWith({ BERTH_CONFIG_REPO: open.url, BERTH_GIT_ALLOW: api.host });
  const check = await world.checkRepo({ url: open.url }, AbortSignal.timeout(30_000));
  expect(check).toMatchObject({ exists: true, found: { preset: 'static' } });
  expect(world.github).toBeUndefined();
  expect((await world.config.head(AbortSignal.timeout(10_000))).commit).toBe(shown);
  await world.close();
  expect([api.calls, api.git.authorizations]).toEqual([[], []]);
});
