import { expect, test } from 'vitest';
import { emptyDraft } from '../core/draft.ts';
import type { Action, Wait } from '../core/types.ts';
import type { Report } from './reconcile.ts';
import { isSettled, statusOf, troubles } from './status.ts';

const desired = { commit: 'c1', deployments: [], stalled: new Set<string>(), problems: [] };

/** `blog` is being rolled out, and its next step waits. */
function waiting(wait: Wait): Report {
  const verdicts = new Map([['blog', { status: 'building', stage: 'starting' } as const]]);
  const create: Action = {
    ...{ verb: 'create', kind: 'instance', key: 'blog-web-1', deployment: 'blog' },
    ...{ why: 'new service', wait },
  };
  const plan = { actions: [create], wanted: { ...emptyDraft(desired), verdicts }, held: [] };
  const observed = { image: [], network: [], volume: [], port: [], instance: [], vhost: [] };
  return { desired, problems: [], observed, plan, outcomes: [] };
}

test('what waits for time is under way', () => {
  expect(isSettled(waiting({ why: 'drains', ms: 5 }))).toBe(false);
});

test('what waits for a person is at rest, so that `once` ends and tells it', () => {
  expect(isSettled(waiting({ why: 'stalled: a container has its name', forPerson: true }))).toBe(true);
});

test("the controller's own vhost is told with its hostname", () => {
  const ownVhosts = [{ deployment: 'berth-admin', hostnames: ['berth.example.com'] }] as never;
  const report = waiting({ why: 'drains', ms: 5 });
  const wanted = { ...emptyDraft(desired), present: new Set(['berth-admin']) };
  const plan = { actions: [], wanted, held: [] };
  const [status] = statusOf({ ...report, desired: { ...desired, ownVhosts }, plan }, new Map());
  expect(status).toMatchObject({ name: 'berth-admin', hostnames: ['berth.example.com'] });
});

test("what fails about nginx and the tunnel, which serve every deployment, is the controller's own trouble", () => {
  const errors = new Map([
    ['', 'nginx is down'],
    ['berth-tunnel', "the tunnel can't be made"],
    ['blog', 'no image'],
  ]);
  const report = waiting({ why: 'drains', ms: 5 });
  expect(troubles(report, errors)).toEqual(['nginx is down', "the tunnel can't be made"]);
});
