/** Telling GitHub when GitHub, the token or the network does not play along: nothing twice, nothing noisy, all of it in the end. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createGitHub } from '../../controller/clients/github/github.ts';
import { repoOn } from '../../controller/clients/github/host.ts';
import { emptyDraft } from '../../controller/core/draft.ts';
import { runStep } from '../../controller/core/step.ts';
import type { DesiredDeployment, Verdict } from '../../controller/core/types.ts';
import { createLog } from '../../controller/log.ts';
import { createGitHubReport, type GitHubReport } from '../../controller/loop/github-report.ts';
import type { Report } from '../../controller/loop/reconcile.ts';
import { type GithubApi, startGithub } from '../support/github-api.ts';
import type { TestRepo } from '../support/make-repo.ts';
import { until } from '../support/until.ts';

const TOKEN = 'ce-token-0123456789';

let api: GithubApi;
let app: TestRepo & { readonly url: string };
let config: string;
let version: string;
let log: string[];
let reports: GitHubReport[];

beforeEach(async () => {
  api = await startGithub();
  api.addToken(TOKEN);
  config = api.addRepo('acme/config').commit({ 'deployments.yaml': '' });
  app = api.addRepo('acme/blog');
  version = app.commit({ 'index.html': '' });
  log = [];
  reports = [];
});

afterEach(async () => {
  for (const report of reports) report.close();
  await api.close();
});

function open(token = TOKEN): GitHubReport {
  const { apiUrl } = api;
  const github = createGitHub({
    ...{ apiUrl, token, step: runStep, signal: new AbortController().signal, timeoutMs: 300 },
  });
  const report = createGitHubReport({
    ...{ github, owner: 'test', configRepo: { owner: 'acme', name: 'config' } },
    ...{ repoOf: (address) => repoOn(apiUrl, address), urlOf: (hostname) => `https://${hostname}` },
    ...{ head: () => config, errors: () => new Map(), mask: (text) => text, former: { places: [] } },
    log: createLog('info', (line) => log.push(line.slice(9).trimEnd())),
  });
  reports.push(report);
  return report;
}

/** What a pass leaves when `blog` stands like this, at these commits. */
function pass(
  status: Verdict['status'],
  {
    commit = config,
    of = version,
    names = ['blog'],
  }: { commit?: string; of?: string; names?: string[] } = {},
): Report {
  const deployments = names.map((name) => deploymentOf(name, of));
  const desired = { commit, deployments, stalled: new Set<string>(), problems: [] };
  const verdicts = new Map(names.map((name) => [name, { status, stage: 'x' } as const]));
  const wanted = { ...emptyDraft(desired), present: new Set(names), verdicts };
  const observed = { image: [], network: [], volume: [], port: [], instance: [], vhost: [] };
  return { desired, problems: [], observed, plan: { actions: [], wanted, held: [] }, outcomes: [] };
}

function deploymentOf(name: string, commit: string): DesiredDeployment {
  const from = { kind: 'build', repo: app.url, commit, path: '.', build: {} } as const;
  const image = { key: 'i', deployment: name, service: 'web', from };
  const health = { intervalMs: 1, timeoutMs: 1 };
  const spec = { image: 'i', env: {}, health, routed: true, volumes: {}, memoryBytes: 1, pids: 1 };
  const service = { name: 'web', replicas: 1, strategy: 'rolling', needs: [], routed: true } as const;
  return {
    ...{ name, hostnames: [`${name}.example.com`], routes: [], volumes: [], suspend: false },
    services: [{ ...service, version: { image, hash: '12345678', spec } }],
    ...{ headers: {}, maxBody: '1m', fingerprint: name },
  };
}

const tellings = (): readonly string[] =>
  api.calls
    .filter(({ method, status }) => method === 'POST' && status === 201)
    .map(
      ({ path, body }) =>
        `${path.replace(/\d+\/|[0-9a-f]{40}/g, '')} ${(body as { state?: string }).state ?? ''}`,
    );

const WHOLE = [
  '/repos/acme/config/statuses/ success',
  '/repos/acme/blog/deployments ',
  '/repos/acme/blog/deployments/statuses success',
];

test('what is said is said once, also by the next controller', async () => {
  const report = open();
  for (let n = 0; n < 5; n += 1) report.note(pass('running'));
  await report.settle();
  expect(tellings()).toEqual(WHOLE);
  const next = open();
  next.note(pass('running'));
  await next.settle();
  expect(tellings()).toEqual(WHOLE);
  expect(api.deployments('acme/blog')[0]?.payload).toEqual({ berth: 'test/blog' });
});

test('answers that get lost lead to no second deployment and no second status', async () => {
  api.fail(/POST .*config\/statuses/, { kind: 'lost' });
  api.fail(/POST .*blog\/deployments$/, { kind: 'lost' });
  api.fail(/POST .*deployments\/\d+\/statuses/, { kind: 'lost' });
  open().note(pass('running'));
  await until('all is told', () => api.deployments('acme/blog')[0]?.statuses.at(-1)?.state === 'success');
  await until('it has looked again', async () => {
    await reports[0]?.settle();
    return api.calls.at(-1)?.path.endsWith('statuses') && api.calls.at(-1)?.method === 'GET';
  });
  expect(api.statuses('acme/config', config).map(({ state }) => state)).toEqual(['success']);
  expect(api.deployments('acme/blog').map(({ statuses }) => statuses.length)).toEqual([1]);
});

test('a token without the right is told once at info, and the rest goes on', async () => {
  api.addToken('fine', { permissions: { contents: 'read', statuses: 'write' } });
  const report = open('fine');
  for (const names of [['blog'], ['blog', 'shop'], ['shop']]) {
    report.note(pass('running', { names }));
    await report.settle();
  }
  expect(log).toEqual([
    'GITHUB_TOKEN may not make a deployment in acme/blog (403): it needs deployments=write',
  ]);
  expect(api.statuses('acme/config', config).length).toBeGreaterThan(0);
  expect(api.calls.filter(({ status }) => status === 403)).toHaveLength(1);
});

test('a repo that is gone is let be, and so is a config repo where the token may not write', async () => {
  api.addToken('reader', { permissions: { contents: 'read' } });
  const report = open('reader');
  report.note(pass('running'));
  await report.settle();
  report.note(pass('failed'));
  await report.settle();
  expect(log).toEqual([
    `warning: GITHUB_TOKEN may not set the status of ${config.slice(0, 7)} in acme/config (403): it needs statuses=write`,
    'GITHUB_TOKEN may not make a deployment in acme/blog (403): it needs deployments=write',
  ]);
});

test('a rate limit is kept to the second, and what is told then is the newest', async () => {
  api.fail(/./, { kind: 'status', status: 429, headers: { 'retry-after': '2' } });
  const report = open();
  const began = performance.now();
  report.note(pass('building'));
  await report.settle();
  expect(api.calls).toHaveLength(1);
  report.note(pass('running'));
  await report.settle();
  expect([api.calls.length, performance.now() - began < 1500]).toEqual([1, true]);
  await until('it is told', () => tellings().length === 3);
  expect(performance.now() - began).toBeGreaterThan(2000);
  expect(tellings()).toEqual(WHOLE);
});

test('outages are told once, and a hundred passes meanwhile pile nothing up', async () => {
  api.fail(/./, { kind: 'reset' }, 2);
  const report = open();
  for (let n = 0; n < 100; n += 1) {
    report.note(pass(n % 2 ? 'running' : 'building'));
    await report.settle();
  }
  expect(api.calls).toHaveLength(1);
  await until('it is told', () => tellings().length === 3);
  expect([...tellings()].sort()).toEqual([...WHOLE].sort());
  expect(new Set(log).size).toBe(log.length);
  expect(log.length).toBeLessThanOrEqual(2);
});

test('a version that never came to rest is ended when another takes its place', async () => {
  const report = open();
  report.note(pass('building'));
  await report.settle();
  const next = app.commit({ 'index.html': 'new' });
  report.note(pass('running', { of: next }));
  await report.settle();
  const states = api.deployments('acme/blog').map(({ statuses }) => statuses.map(({ state }) => state));
  expect(states).toEqual([['in_progress', 'inactive'], ['success']]);
});

test('a success is not on its way again, and a commit at rest is pending again only when it stays so', async () => {
  const report = open();
  for (const status of ['running', 'building', 'running'] as const) {
    report.note(pass(status));
    await report.settle();
  }
  expect(tellings()).toEqual(WHOLE);
});
