import { expect, it } from 'vitest';
import { createLiveness } from './liveness.ts';

it('what did not change goes on counting, what did begins anew', () => {
  let now = 0;
  const live = createLiveness(() => now);
  live.seen(
    'g1',
    new Map([
      ['a', 'a1'],
      ['b', 'b1'],
    ]),
  );
  now = 100;
  live.seen(
    'g2',
    new Map([
      ['a', 'a2'],
      ['b', 'b1'],
    ]),
  );
  now = 150;
  expect([live.liveForMs('a', 'a2'), live.liveForMs('b', 'b1')]).toEqual([50, 150]);
});

it('a text that nginx does not run counts as zero, and one it does as more', () => {
  const live = createLiveness(() => 0);
  expect(live.liveForMs('a', 'a1')).toBe(0);
  live.seen('g1', new Map([['a', 'a1']]));
  expect(live.liveForMs('a', 'edited')).toBe(0);
  expect(live.liveForMs('a', 'a1')).toBeGreaterThan(0);
});

it('a generation that was never seen, or none, forgets all; the known one does not', () => {
  let now = 0;
  const live = createLiveness(() => now);
  live.seen('g1', new Map([['a', 'a1']]));
  now = 10;
  live.heard('g1');
  expect(live.liveForMs('a', 'a1')).toBe(10);
  live.heard('g0');
  expect(live.liveForMs('a', 'a1')).toBe(0);
  live.seen('g1', new Map([['a', 'a1']]));
  live.heard(undefined);
  expect(live.liveForMs('a', 'a1')).toBe(0);
});
