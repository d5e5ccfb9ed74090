/** A controller whose config repo and app are private repos on a GitHub: what it tells there, once, and what it never tells. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type Berth, startBerth } from '../support/berth.ts';
import { dockerApp } from '../support/deploy-apps.ts';
import { type GithubApi, startGithub } from '../support/github-api.ts';
import type { TestRepo } from '../support/make-repo.ts';
import { tinyImage } from '../support/tiny-image.ts';
import { until } from '../support/until.ts';

const TOKEN = 'ghp-ce-canary-0123456789abcdef';
const NAME = 'ceblog';

let api: GithubApi;
let berth: Berth;
let config: TestRepo & { readonly url: string };
let app: TestRepo & { readonly url: string };
let image: string;

beforeAll(async () => {
  image = await tinyImage();
  api = await startGithub();
  api.addToken(TOKEN);
  config = api.addRepo('acme/config', { private: true });
  app = api.addRepo('acme/blog', { private: true });
  config.commit({ 'deployments.yaml': 'deployments: {}\n' });
  app.commit(dockerApp(image, 'v1'));
  berth = await startBerth({
    BERTH_CONFIG_REPO: config.url,
    BERTH_GIT_ALLOW: api.host,
    BERTH_ADMIN_HOST: 'ce-admin.localhost',
    BERTH_INTERVAL: '1s',
    BERTH_DRAIN: '300ms',
    GITHUB_TOKEN: TOKEN,
    GITHUB_API_URL: api.apiUrl,
  });
});

afterAll(async () => {
  await berth?.restart({ BERTH_CONFIG_REPO: undefined, GITHUB_TOKEN: undefined });
  await berth?.tearDown();
  await api?.close();
});

/** Commits a file with these entries, or this text. */
const deploy = (entries: object | string): string =>
  config.commit({
    'deployments.yaml': typeof entries === 'string' ? entries : stringify({ deployments: entries }),
  });

const blog = (): object => ({ [NAME]: { repo: app.url } });

const statusOf = (commit: string): string | undefined => {
  const [row] = api.statuses('acme/config', commit);
  return row && `${row.state}: ${row.description}`;
};

const told = (commit: string, expected: string | RegExp): Promise<true> =>
  until(`status ${expected} of ${commit.slice(0, 7)}`, () => {
    const status = statusOf(commit) ?? '';
    return typeof expected === 'string' ? status === expected : expected.test(status);
  });

/** The states that a commit of the app went through. */
const states = (commit: string): readonly string[] =>
  api
    .deployments('acme/blog')
    .filter(({ sha }) => sha === commit)
    .flatMap(({ statuses }) => statuses.map(({ state }) => state));

const writes = (): readonly string[] =>
  api.calls.filter(({ method }) => method === 'POST').map(({ path }) => path);

let first: string;
let current: string;

test('a commit of the config repo is pending, then a success; the app’s commit is deployed where visitors find it', async () => {
  first = app.git('rev-parse', 'main');
  const commit = deploy(blog());
  await told(commit, 'success: 1 deployment running');
  expect((await berth.get(`${NAME}.localhost`)).body).toBe('v1 /');
  const history = api.statuses('acme/config', commit);
  expect(history.map(({ state }) => state)).toEqual(['success', 'pending']);
  expect(history[0]).toMatchObject({ context: 'berth', target_url: 'https://ce-admin.localhost/' });
  await until('the deployment is a success', () => states(first).at(-1) === 'success');
  expect(states(first)).toEqual(['in_progress', 'success']);
  const [made] = api.deployments('acme/blog');
  expect(made).toMatchObject({ environment: NAME, sha: first, production: false });
  expect(made?.statuses.at(-1)?.environment_url).toBe(`http://${NAME}.localhost:${berth.settings.http.port}`);
});

test('a push to the app is another deployment, and the one before it becomes inactive', async () => {
  const second = app.commit(dockerApp(image, 'v2'));
  await until('the push is deployed', () => states(second).at(-1) === 'success');
  expect(states(first)).toEqual(['in_progress', 'success', 'inactive']);
  expect(api.deployments('acme/blog')).toHaveLength(2);
  current = second;
});

test('a commit that fails is told as that, while the older one goes on', async () => {
  const broken = app.commit({ Dockerfile: `FROM ${image}\nRUN echo hunter2 && exit 3\n` });
  await until('the failure is told', () => states(broken).at(-1) === 'failure');
  const [row] = api.deployments('acme/blog').filter(({ sha }) => sha === broken);
  expect(row?.statuses.at(-1)?.description).toBe('failed: build');
  await told(config.git('rev-parse', 'main'), new RegExp(`^failure: ${NAME}: `));
  expect((await berth.get(`${NAME}.localhost`)).body).toBe('v2 /');
  expect(states(current).at(-1)).toBe('success');
  const mended = app.commit(dockerApp(image, 'v3'));
  await until('it is mended', () => states(mended).at(-1) === 'success');
  await told(config.git('rev-parse', 'main'), 'success: 1 deployment running');
  current = mended;
});

test('a newer head that is wrong bears the first error and the count of the others', async () => {
  const good = config.git('rev-parse', 'main');
  const bad = deploy('deployments:\n  a: {}\n  a: {}\nnonsense: 1\n');
  await told(bad, /^failure: deployments\.yaml:\d+:\d+.* \(and \d+ more\)$/);
  expect(statusOf(good)).toBe('success: 1 deployment running');
  const again = deploy(blog());
  await told(again, 'success: 1 deployment running');
});

test('a pass with nothing to do tells nothing, and neither does a restart', async () => {
  await berth.session.real.github?.settle();
  const before = writes();
  const calls = api.calls.length;
  for (let n = 0; n < 3; n += 1) {
    const { last } = berth.session.runner;
    berth.session.runner.poke('test');
    await berth.until('another pass', (report) => report !== last);
  }
  await berth.session.real.github?.settle();
  expect(api.calls).toHaveLength(calls);
  await berth.restart();
  await berth.until('it is at rest', ({ plan }) => plan?.actions.length === 0);
  await until('it has read what is there', () => api.calls.length > calls);
  await berth.until('it is still at rest', ({ plan }) => plan?.actions.length === 0);
  await berth.session.real.github?.settle();
  expect(writes()).toEqual(before);
});

test('a version that comes back is a success again', async () => {
  config.commit({
    'deployments.yaml': stringify({ deployments: { [NAME]: { repo: app.url, commit: first } } }),
  });
  await until('the first version is back', () => states(first).at(-1) === 'success');
  await until('the last version is inactive', () => states(current).at(-1) === 'inactive');
  deploy(blog());
  await until('the last version is back', () => states(current).at(-1) === 'success');
  await until('the first version is inactive', () => states(first).at(-1) === 'inactive');
  expect(api.deployments('acme/blog').filter(({ sha }) => sha === current)).toHaveLength(1);
});

test('GitHub that hangs delays no site', async () => {
  api.fail(/./, { kind: 'hang' }, 1000);
  const next = app.commit(dockerApp(image, 'v4'));
  await until('visitors see it', async () => (await berth.get(`${NAME}.localhost`)).body === 'v4 /', 20_000);
  expect(berth.log.filter((line) => /it is tried again/.test(line)).length).toBeLessThan(3);
  api.heal();
  await until('it is told when GitHub answers again', () => states(next).at(-1) === 'success', 90_000);
  current = next;
});

test('an entry that leaves while no controller runs is told to be inactive by the next', async () => {
  await berth.session.real.github?.settle();
  await berth.stop();
  const empty = deploy({});
  await berth.restart();
  await told(empty, 'success: 0 deployments running');
  await until('it is inactive', () => states(current).at(-1) === 'inactive');
});

test('an entry that leaves is told to be inactive', async () => {
  deploy(blog());
  await until('it is back', () => states(current).at(-1) === 'success');
  const gone = deploy({});
  await until('it is inactive', () => states(current).at(-1) === 'inactive');
  await told(gone, 'success: 0 deployments running');
});

test('the token reaches its own host alone, and nothing that is kept or told', () => {
  const basic = `Basic ${Buffer.from(`x-access-token:${TOKEN}`).toString('base64')}`;
  expect(new Set(api.git.authorizations)).toEqual(new Set([basic]));
  expect(new Set(api.calls.map(({ authorization }) => authorization))).toEqual(new Set([`token ${TOKEN}`]));
  const said = [...berth.log, ...berth.effects, ...api.calls.map(({ body }) => JSON.stringify(body) ?? '')];
  expect(said.filter((text) => text.includes(TOKEN))).toEqual([]);
  const files = readdirSync(berth.dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const forms = [TOKEN, Buffer.from(`x-access-token:${TOKEN}`).toString('base64')];
  expect(files.filter((path) => forms.some((form) => readFileSync(path).includes(form)))).toEqual([]);
});
