import { expect, test } from 'vitest';
import { TransientError } from '../core/errors.ts';
import type { Desired, Verdict, Wanted } from '../core/types.ts';
import type { Report } from '../loop/reconcile.ts';
import { loggedIn, newsOf } from './news.ts';

const HERE = { http: { host: '127.0.0.1', port: 8080 } };

/** A report about `verdicts`, in which entry `bad` is wrong. */
function report(verdicts: Readonly<Record<string, Verdict>>, held: readonly string[] = []): Report {
  const names = Object.keys(verdicts);
  const deployments = names.map((name) => ({ name, hostnames: [`${name}.localhost`] }));
  const problems = [
    { deployment: 'bad', message: 'deployments.yaml:9:5 deployments/bad/prot: unknown field' },
  ];
  const wanted = {
    present: new Set([...names, 'bad']),
    frozen: new Map(),
    verdicts: new Map(Object.entries(verdicts)),
  };
  return {
    desired: {
      commit: '9c8d'.repeat(10),
      deployments,
      stalled: new Set(['bad']),
      problems,
    } as unknown as Desired,
    problems,
    observed: { image: [], network: [], volume: [], port: [], instance: [], vhost: [] },
    plan: { actions: [], wanted: wanted as unknown as Wanted, held },
    outcomes: [],
  };
}

function told(...given: Parameters<typeof report>): readonly string[] {
  return [...newsOf(report(...given), new Map(), HERE)].map(([line, level]) => `${level} ${line}`);
}

test('each deployment is told as it fares, and a wrong entry once', () => {
  expect(
    told({
      a: { status: 'running', stage: 'serving' },
      b: { status: 'building', stage: 'waits for its image' },
      c: { status: 'failed', stage: 'build', error: 'npm ci failed' },
      d: { status: 'stopped', stage: 'stopping' },
      e: { status: 'stopped', stage: 'stopped' },
    }),
  ).toEqual([
    'warn deployments.yaml:9:5 deployments/bad/prot: unknown field',
    'info deployment a runs: http://a.localhost:8080',
    'info deployment b is on its way: waits for its image',
    'warn deployment c failed: npm ci failed',
    'info deployment e is suspended',
  ]);
});

test('a held deletion says how to release it', () => {
  expect(told({}, ['x', 'y']).at(-1)).toMatch(/^warn held: x, y .*`berth approve 9c8d9c8d9c8d`/);
});

test('what nginx lacks is told', () => {
  const news = newsOf(report({}), new Map([['', 'nginx is not there']]), HERE);
  expect(news.get('nginx is not there')).toBe('warn');
});

test('errors of the steps of this very pass are known, since each was logged with its step', () => {
  const action = { verb: 'create', kind: 'network', key: 'berth-a', deployment: 'a', why: '' } as const;
  const outcomes = [{ action, error: new TransientError('the engine is down') }, { action }];
  expect([...loggedIn({ ...report({}), outcomes })]).toEqual(['the engine is down']);
});
