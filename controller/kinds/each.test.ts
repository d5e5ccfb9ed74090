import { expect, test } from 'vitest';
import type { Action } from '../core/types.ts';
import { applyEach } from './each.ts';

const actions = ['a', 'b', 'c', 'd', 'e'].map(
  (key): Action => ({ verb: 'create', kind: 'thing', key, deployment: key, why: 'because' }),
);

test('each succeeds or fails for itself, and the outcomes come in the order of the actions', async () => {
  const error = new Error('b can not');
  const outcomes = await applyEach(
    actions,
    { width: 2, signal: new AbortController().signal },
    async ({ key }) => {
      if (key === 'b') throw error;
      return key === 'c' ? 'queued' : undefined;
    },
  );
  expect(outcomes.map(({ action }) => action.key)).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(outcomes[1]).toMatchObject({ error });
  expect(outcomes[2]).toMatchObject({ did: 'queued' });
  expect(outcomes[0]).not.toHaveProperty('did');
});

test('no more run at once than its width', async () => {
  let now = 0;
  let most = 0;
  await applyEach(actions, { width: 2, signal: new AbortController().signal }, async () => {
    now += 1;
    most = Math.max(most, now);
    await new Promise((resolve) => setImmediate(resolve));
    now -= 1;
  });
  expect(most).toBe(2);
});

test('when the controller has to stop, what has begun ends and the rest is skipped', async () => {
  const ends = new AbortController();
  const begun: string[] = [];
  const outcomes = await applyEach(actions, { width: 2, signal: ends.signal }, async ({ key }) => {
    begun.push(key);
    if (key === 'b') ends.abort();
  });
  expect(begun).toEqual(['a', 'b']);
  expect(outcomes.map(({ skipped }) => skipped)).toEqual([
    ...[undefined, undefined],
    ...Array.from({ length: 3 }, () => 'the controller is stopping'),
  ]);
});
