import { expect, test } from 'vitest';
import type { InstanceRow } from '../clients/engine/types.ts';
import { createTroubles } from './instance-trouble.ts';

function row(state: InstanceRow['state']): InstanceRow {
  const health = { intervalMs: 1000, timeoutMs: 60_000 };
  const names = { key: 'blog-web-1', id: 'c1', deployment: 'blog', service: 'web', hash: '1', image: 'i' };
  return { ...names, state, createdMs: 0, listen: 3000, health, routed: true };
}

function engine() {
  const asked: string[] = [];
  return {
    asked,
    async inspect(key: string) {
      asked.push(key);
      return { restarts: 2, exitCode: 3, oomKilled: false, error: '' };
    },
    tail: async () => [{ at: '', level: 'error' as const, stream: 'stderr' as const, text: 'no database' }],
  };
}

test('an exited container is asked once what it said, and again after it has run again', async () => {
  const one = engine();
  const troubles = createTroubles(one);
  const told = { restarts: 2, detail: 'exited with code 3: no database' };
  for (const state of ['exited', 'exited', 'running', 'exited'] as const) {
    troubles.keep([row(state)]);
    if (state === 'exited') expect(await troubles.of(row(state), undefined)).toEqual(told);
  }
  expect(one.asked).toHaveLength(2);
});

test('a container that is going down is not asked, since the engine answers only when it is down', async () => {
  const one = engine();
  expect(await createTroubles(one).of(row('stopping'), undefined)).toEqual({ restarts: 0 });
  expect(one.asked).toEqual([]);
});

test('a container that Berth stopped itself has nothing to tell', async () => {
  const one = engine();
  const troubles = createTroubles(one);
  troubles.hush('blog-web-1');
  for (const state of ['stopping', 'exited', 'exited'] as const) {
    troubles.keep([row(state)]);
    expect(await troubles.of(row(state), undefined)).toEqual({ restarts: 0 });
  }
  expect(one.asked).toEqual([]);
});

test('a container that runs and does not answer is asked each time, since it may have restarted', async () => {
  const one = engine();
  const troubles = createTroubles(one);
  for (const probed of ['connection refused', 'answered 503']) await troubles.of(row('running'), probed);
  expect(one.asked).toHaveLength(2);
});

test('restarts of before this controller looked are no trouble until a probe has failed', async () => {
  const troubles = createTroubles(engine());
  expect(await troubles.of(row('running'), undefined)).toEqual({ restarts: 2 });
  expect((await troubles.of(row('running'), 'connection refused')).detail).toBe('keeps exiting: no database');
});
