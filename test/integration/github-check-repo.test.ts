/** A look at a repo that somebody is about to name: through GitHub's API without cloning, and by git anywhere else. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSources } from '../../controller/clients/git/sources.ts';
import { createGitHub } from '../../controller/clients/github/github.ts';
import { gitCredentials, repoOn } from '../../controller/clients/github/host.ts';
import type { Sources } from '../../controller/clients/types.ts';
import { StalledError, TransientError } from '../../controller/core/errors.ts';
import { runStep } from '../../controller/core/step.ts';
import { type CheckRepo, createRepoCheck, type RepoQuestion } from '../../controller/loop/check-repo.ts';
import { type GitServer, startGitServer } from '../support/git-server.ts';
import { type GithubApi, startGithub } from '../support/github-api.ts';
import { makeRepo } from '../support/make-repo.ts';

const TOKEN = 'ce-token-0123456789';
const APP = { 'package.json': JSON.stringify({ scripts: { start: 'node a.js' } }), 'a.js': '' };

let root: string;
let api: GithubApi;
let plain: GitServer;
let sources: Sources;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'berth-check-'));
  api = await startGithub();
  plain = await startGitServer(join(root, 'served'));
  api.addToken(TOKEN);
});

afterEach(async () => {
  await sources?.close();
  await Promise.all([api.close(), plain.close()]);
  rmSync(root, { recursive: true, force: true });
});

function checker(token?: string): CheckRepo {
  const gitAllow = [api.host, `127.0.0.1:${plain.port}`];
  const { apiUrl } = api;
  const credentials = gitCredentials({ apiUrl, ...(token !== undefined && { token }) });
  sources = createSources({
    dir: join(root, 'sources'),
    step: runStep,
    gitAllow,
    credentials,
    onChange: () => {},
  });
  const signal = new AbortController().signal;
  return createRepoCheck({
    ...{ sources, gitAllow, apiUrl, repoOf: (address) => repoOn(apiUrl, address) },
    ...(token !== undefined && { github: createGitHub({ apiUrl, token, step: runStep, signal }) }),
  });
}

const check = (question: RepoQuestion, token: string | null = TOKEN) =>
  checker(token ?? undefined)(question, AbortSignal.timeout(30_000));

test('a private repo on GitHub is looked at without cloning it', async () => {
  const repo = api.addRepo('acme/blog', { private: true });
  repo.commit({ ...APP, 'docs/readme.md': '', 'api/Dockerfile': 'FROM x\nEXPOSE 8080' });
  repo.commit({ 'index.html': '' }, { branch: 'static' });
  const known = {
    ...{ exists: true, private: true, defaultBranch: 'main', branches: ['main', 'static'], more: false },
  };
  expect(await check({ url: repo.url })).toEqual({
    ...known,
    found: { state: 'found', summary: 'node 20, node a.js', preset: 'node', listen: 3000 },
  });
  expect(await check({ url: `${repo.url}.git`, path: './api/' })).toEqual({
    ...known,
    found: { state: 'found', summary: 'Dockerfile', dockerfile: 'Dockerfile', listen: 8080 },
  });
  expect(await check({ url: repo.url, branch: 'static' })).toMatchObject({ found: { preset: 'static' } });
  expect(await check({ url: repo.url, path: 'docs' })).toMatchObject({
    found: { state: 'nothing', why: expect.stringContaining('no way to build docs was found') },
  });
  expect(await check({ url: repo.url, path: 'none' })).toMatchObject({
    found: { state: 'nothing', why: 'repo acme/blog: there is no directory none, correct the path' },
  });
  expect(await check({ url: repo.url, branch: 'none' })).toMatchObject({
    found: { state: 'nothing', why: 'there is no branch none' },
  });
  expect(api.git.requests).toEqual([]);
  expect(readdirSync(root)).not.toContain('sources');
});

test('a repo of too many files is looked at directory by directory', async () => {
  const many = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`big/f${n}`, 'x']));
  const repo = api.addRepo('acme/mono');
  repo.commit({ ...many, ...Object.fromEntries(Object.entries(APP).map(([k, v]) => [`apps/web/${k}`, v])) });
  api.state.maxTree = 20;
  expect(await check({ url: repo.url })).toMatchObject({
    found: { state: 'nothing', why: expect.stringContaining('more files than GitHub lists') },
  });
  expect(await check({ url: repo.url, path: 'apps/web' })).toMatchObject({ found: { preset: 'node' } });
});

test('links and submodules are not followed', async () => {
  const repo = api.addRepo('acme/links');
  repo.commit({ Dockerfile: { link: '/etc/passwd' } });
  expect(await check({ url: repo.url })).toMatchObject({
    found: { state: 'nothing', why: expect.stringContaining('link') },
  });
  repo.commit({ ...APP, lib: { submodule: 'a'.repeat(40) } });
  expect(await check({ url: repo.url })).toMatchObject({
    found: { state: 'nothing', why: expect.stringContaining('submodule') },
  });
});

test('a repo without commits', async () => {
  const repo = api.addRepo('acme/empty');
  const nothing = { state: 'nothing', why: expect.stringContaining('push a first commit') };
  expect(await check({ url: repo.url })).toMatchObject({ exists: true, branches: [], found: nothing });
  expect(await check({ url: repo.url }, null)).toMatchObject({
    exists: true,
    branches: [],
    found: nothing,
  });
});

test('what the token does not see, and what nobody may see without one', async () => {
  const repo = api.addRepo('acme/secret', { private: true });
  repo.commit(APP);
  api.addToken('stranger', { repos: [] });
  const hidden = await check({ url: repo.url }, 'stranger');
  expect(hidden).toEqual({ exists: false, why: expect.stringContaining("GITHUB_TOKEN can't see it") });
  const calls = api.calls.length;
  const anonymous = await checker()({ url: repo.url }, AbortSignal.timeout(30_000));
  expect(anonymous).toEqual({
    exists: false,
    why: expect.stringMatching(/private or misspelt.*set GITHUB_TOKEN \(fine-grained: "Contents"/),
  });
  expect(api.calls).toHaveLength(calls);
});

test('any other Git host is asked by git, and what is inside is fetched', async () => {
  const repo = makeRepo(join(root, 'served/shop'));
  repo.commit(APP);
  repo.commit({ x: '' }, { branch: 'dev' });
  const url = `${plain.url}/shop`;
  expect(await check({ url })).toEqual({
    ...{ exists: true, private: false, defaultBranch: 'main', branches: ['dev', 'main'], more: false },
    found: { state: 'found', summary: 'node 20, node a.js', preset: 'node', listen: 3000 },
  });
  expect(await check({ url, branch: 'dev' })).toMatchObject({ found: { state: 'nothing' } });
  expect(await check({ url, branch: 'none' })).toMatchObject({
    found: { state: 'nothing', why: expect.stringContaining('has no branch "none"; there is dev, main') },
  });
  expect(await check({ url: `${plain.url}/none` })).toEqual({
    exists: false,
    why: expect.stringContaining('private or misspelt'),
  });
  expect([plain.authorizations, api.calls]).toEqual([[], []]);
});

test.each([
  ['a private address', 'https://10.0.0.1/a/b', 'BERTH_GIT_ALLOW'],
  ['a file', 'file:///etc/passwd', 'https://'],
  ['a token in the address', 'https://u:hunter2@github.com/a/b', 'remove the user name or token'],
])('%s is refused', async (_what, url, says) => {
  const error = await check({ url }).catch((thrown: unknown) => thrown as Error);
  expect(error).toBeInstanceOf(StalledError);
  expect((error as Error).message).toContain(says);
  expect((error as Error).message).not.toContain('hunter2');
});

test.each(['..', '../x', 'a/../b', '/etc', 'a\0b'])('the path %j is refused', async (path) => {
  const url = api.addRepo('acme/blog').url;
  await expect(check({ url, path })).rejects.toThrow(StalledError);
  expect(api.calls).toEqual([]);
});

test('an API that is out of order is told as that', async () => {
  const repo = api.addRepo('acme/blog');
  repo.commit(APP);
  api.fail(/./, { kind: 'html' });
  await expect(check({ url: repo.url })).rejects.toThrow(TransientError);
});
