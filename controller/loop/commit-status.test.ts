import { expect, test } from 'vitest';
import { emptyDraft } from '../core/draft.ts';
import type { Action, Observed, Verdict } from '../core/types.ts';
import { commitSayings } from './commit-status.ts';
import type { Report } from './reconcile.ts';

const GOOD = 'a'.repeat(40);
const BAD = 'b'.repeat(40);
const SEEN: Observed = { image: [], network: [], volume: [], port: [], instance: [], vhost: [] };

interface Given {
  readonly verdicts?: Readonly<Record<string, Verdict>>;
  readonly problems?: Report['problems'];
  readonly actions?: readonly Action[];
  readonly held?: readonly string[];
  readonly observed?: Observed;
}

function reportOf({ verdicts = {}, problems = [], actions = [], held = [], observed = SEEN }: Given): Report {
  const desired = { commit: GOOD, deployments: [], stalled: new Set<string>(), problems };
  const names = [...Object.keys(verdicts), ...problems.map(({ deployment }) => deployment)];
  const present = new Set(names.filter((name) => name !== ''));
  const wanted = { ...emptyDraft(desired), present, verdicts: new Map(Object.entries(verdicts)) };
  return { desired, problems, observed, plan: { actions, wanted, held }, outcomes: [] };
}

const sayings = (report: Report, more: { head?: string; errors?: Record<string, string> } = {}) =>
  commitSayings(report, {
    head: more.head ?? GOOD,
    errors: new Map(Object.entries(more.errors ?? {})),
    mask: (text) => text.replaceAll('hunter2', '[redacted]'),
  }).map(({ commit, state, description }) => `${commit.slice(0, 1)} ${state}: ${description}`);

const running: Verdict = { status: 'running', stage: 'serving' };
const building: Verdict = { status: 'building', stage: 'starting' };

test('all runs', () => {
  expect(sayings(reportOf({ verdicts: { blog: running } }))).toEqual(['a success: 1 deployment running']);
  const verdicts = { blog: running, off: { status: 'stopped', stage: 'stopped' }, shop: running } as const;
  expect(sayings(reportOf({ verdicts }))).toEqual(['a success: 2 deployments running']);
  expect(sayings(reportOf({}))).toEqual(['a success: 0 deployments running']);
});

test('what the controller has for itself does not count', () => {
  const verdicts = { blog: running, 'berth-tunnel': running };
  expect(sayings(reportOf({ verdicts }))).toEqual(['a success: 1 deployment running']);
});

test('something is under way', () => {
  const create: Action = { verb: 'create', kind: 'vhost', key: 'shop', deployment: 'shop', why: 'new' };
  const verdicts = { blog: building, shop: running, wiki: running };
  expect(sayings(reportOf({ verdicts, actions: [create] }))).toEqual(['a pending: under way']);
});

test('the first failure, and how many more there are', () => {
  const failed: Verdict = { status: 'failed', stage: 'build', error: 'npm ci ended with 1' };
  expect(sayings(reportOf({ verdicts: { blog: failed, shop: building } }))).toEqual([
    'a failure: blog: npm ci ended with 1',
  ]);
  const problems = [{ deployment: 'bad', message: 'deployments.yaml:4:11 deployments/bad/port: must be' }];
  expect(sayings(reportOf({ verdicts: { blog: failed }, problems }))).toEqual([
    'a failure: deployments.yaml:4:11 deployments/bad/port: must be (and 1 more)',
  ]);
  expect(sayings(reportOf({ verdicts: { blog: running } }), { errors: { '': 'nginx: no' } })).toEqual([
    'a failure: nginx: no',
  ]);
});

test('a held deletion is a failure that says what releases it', () => {
  const [text] = sayings(reportOf({ held: ['blog'] }));
  expect(text).toContain('a failure: held: blog would be deleted');
});

test('a newer head that is wrong has its own, beside the commit in force', () => {
  const problems = [
    { deployment: '', message: 'deployments.yaml:3:1: bad indentation' },
    { deployment: '', message: 'deployments.yaml:9:1: duplicate key' },
  ];
  expect(sayings(reportOf({ verdicts: { blog: running }, problems }), { head: BAD })).toEqual([
    'a success: 1 deployment running',
    'b failure: deployments.yaml:3:1: bad indentation (and 1 more)',
  ]);
});

test('a wrong head without any good commit before it is told too', () => {
  const problems = [{ deployment: '', message: 'deployments.yaml is missing' }];
  const report: Report = { observed: SEEN, problems, outcomes: [] };
  expect(sayings(report, { head: BAD })).toEqual(['b failure: deployments.yaml is missing']);
});

test('a remote that can not be asked says nothing about the commit in force', () => {
  const problems = [{ deployment: '', message: "the config repo can't be reached" }];
  expect(sayings(reportOf({ verdicts: { blog: running }, problems }))).toEqual([
    'a success: 1 deployment running',
  ]);
});

test('in doubt nothing is said', () => {
  const observed: Observed = { ...SEEN, instance: { uncertain: 'the engine is down' } };
  expect(sayings(reportOf({ verdicts: { blog: running }, observed }))).toEqual([]);
});

test('no secret, no second line, and never more than 140 characters', () => {
  const error = `exit 1:\nPASSWORD=hunter2 \u001b[31m${'🙂é'.repeat(200)}`;
  const verdicts: Record<string, Verdict> = {
    blog: { status: 'failed', stage: 'start', error },
    shop: { status: 'failed', stage: 'start', error },
  };
  const described = commitSayings(reportOf({ verdicts }), {
    ...{ head: GOOD, errors: new Map(), mask: (text) => text.replaceAll('hunter2', '[redacted]') },
  }).map(({ description }) => description);
  expect([...(described[0] ?? '')]).toHaveLength(140);
  expect(described[0]).toMatch(/^blog: exit 1: PASSWORD=\[redacted\] \[31m.*… \(and 1 more\)$/u);
});
