import { expect, test } from 'vitest';
import { repoOn } from '../clients/github/host.ts';
import { emptyDraft } from '../core/draft.ts';
import type { Action, DesiredDeployment, DesiredService, Observed, Verdict } from '../core/types.ts';
import { appSayings, silentNames } from './app-deployments.ts';
import type { Report } from './reconcile.ts';

const SEEN: Observed = { image: [], network: [], volume: [], port: [], instance: [], vhost: [] };
const running: Verdict = { status: 'running', stage: 'serving' };

function serviceOf(name: string, repo: string | undefined, commit: string): DesiredService {
  const from =
    repo === undefined
      ? ({ kind: 'pull' } as const)
      : { kind: 'build' as const, repo, commit, path: '.', build: {} };
  const image = { key: 'i', deployment: 'd', service: name, from };
  const health = { intervalMs: 1, timeoutMs: 1 };
  const spec = { image: 'i', env: {}, health, routed: true, volumes: {}, memoryBytes: 1, pids: 1 };
  return {
    ...{ name, replicas: 1, strategy: 'rolling', needs: [], routed: true },
    version: { image, hash: '12345678', spec },
  };
}

function deploymentOf(name: string, ...services: readonly DesiredService[]): DesiredDeployment {
  return {
    ...{ name, hostnames: [`${name}.example.com`], routes: [], services, volumes: [], suspend: false },
    ...{ headers: {}, maxBody: '1m', fingerprint: name },
  };
}

function reportOf(
  deployments: readonly DesiredDeployment[],
  verdict: Verdict = running,
  actions: readonly Action[] = [],
): Report {
  const desired = { commit: 'a'.repeat(40), deployments, stalled: new Set<string>(), problems: [] };
  const verdicts = new Map(deployments.map(({ name }) => [name, verdict]));
  const present = new Set(deployments.map(({ name }) => name));
  const wanted = { ...emptyDraft(desired), present, verdicts };
  return { desired, problems: [], observed: SEEN, plan: { actions, wanted, held: [] }, outcomes: [] };
}

const sayings = (report: Report): readonly string[] =>
  appSayings(report, {
    errors: new Map(),
    repoOf: (address) => repoOn('https://api.github.com', address),
    urlOf: (hostname) => `https://${hostname}`,
  }).map(({ repo, commit, environment, status }) =>
    [`${repo.owner}/${repo.name}@${commit}`, environment, ...Object.values(status)].join(' | '),
  );

const BLOG = 'https://github.com/acme/blog';

test('each repo, commit and deployment is told once', () => {
  const stack = deploymentOf(
    'stack',
    serviceOf('web', BLOG, 'c1'),
    serviceOf('worker', `${BLOG}.git`, 'c1'),
    serviceOf('api', 'https://github.com/acme/api', 'c2'),
    serviceOf('db', undefined, ''),
    serviceOf('docs', '.', 'c3'),
    serviceOf('old', 'https://gitlab.com/acme/blog', 'c4'),
  );
  expect(sayings(reportOf([stack, deploymentOf('blog', serviceOf('web', BLOG, 'c1'))]))).toEqual([
    'acme/blog@c1 | stack | success | running | https://stack.example.com',
    'acme/api@c2 | stack | success | running | https://stack.example.com',
    'acme/blog@c1 | blog | success | running | https://blog.example.com',
  ]);
});

const one = [deploymentOf('blog', serviceOf('web', BLOG, 'c1'))];
const action = (verb: Action['verb']): Action => ({
  ...{ verb, kind: 'instance', key: 'blog-web-1', deployment: 'blog', why: 'x' },
});

test.each([
  ['building', { status: 'building', stage: 'starting' }, [], 'in_progress | on its way'],
  ['suspended', { status: 'stopped', stage: 'stopped' }, [], 'inactive | suspended'],
  [
    'failed, without the words of its container',
    { status: 'failed', stage: 'start', error: 'exit 1: DATABASE_URL=postgres://u:p@h' },
    [],
    'failure | failed: start',
  ],
  ['running while more of it is made', running, [action('create')], 'in_progress | on its way'],
  [
    'running while the older drains',
    running,
    [action('delete')],
    'success | running | https://blog.example.com',
  ],
] as const)('%s', (_what, verdict, actions, expected) => {
  expect(sayings(reportOf(one, verdict, actions))).toEqual([`acme/blog@c1 | blog | ${expected}`]);
});

test('in doubt nothing is said', () => {
  const report = reportOf(one);
  expect(sayings({ ...report, observed: { ...SEEN, vhost: { uncertain: 'nginx' } } })).toEqual([]);
});

test('what is not known yet is silent, and nothing of it can be called gone', () => {
  const { version: _, ...unknown } = serviceOf('api', BLOG, 'c1');
  const report = reportOf([deploymentOf('half', serviceOf('web', BLOG, 'c1'), unknown), ...one]);
  expect([...silentNames(report)]).toEqual(['half']);
});
