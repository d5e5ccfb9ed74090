import { afterEach, expect, test } from 'vitest';
import { type VirtualTime, virtualTime } from '../../test/support/virtual-time.ts';
import { createLookout, type Lookout } from './lookout.ts';

const A = 'a'.repeat(40);
const B = 'b'.repeat(40);
const MAIN = 'refs/heads/main';

let stop = new AbortController();
afterEach(() => {
  stop.abort();
  stop = new AbortController();
});

interface Far {
  /** What a look that begins now sees. */
  head: string;
  /** When each look began, in seconds. */
  readonly at: number[];
  readonly lost: string[];
  /** Looks at one time. */
  most: number;
  readonly time: VirtualTime;
  readonly lookout: Lookout;
}

/** A far side whose looks take `takesMs`. */
function far(takesMs = 0): Far {
  const time = virtualTime();
  let seen = '';
  let running = 0;
  const look = async (): Promise<void> => {
    running += 1;
    state.most = Math.max(state.most, running);
    state.at.push(time.now / 1000);
    const { head } = state;
    await time.pause(takesMs);
    seen = head;
    running -= 1;
  };
  const state: Far = {
    ...{ head: '', at: [], lost: [], most: 0, time },
    lookout: createLookout(
      { look, saw: (commit) => commit === seen, onLost: (all) => state.lost.push(...all), pause: time.pause },
      stop.signal,
    ),
  };
  return state;
}

test('a push is looked at at once, and once', async () => {
  const one = far();
  one.head = A;
  one.lookout.expect(MAIN, A);
  expect(one.at).toEqual([0]);
  await one.time.pass(60_000);
  expect(one.at).toEqual([0]);
  expect(one.lost).toEqual([]);
});

test('a thousand pushes in ten seconds are a handful of looks, one at a time, and the last is seen', async () => {
  const one = far(100);
  for (let n = 0; n < 1000; n += 1) {
    one.head = n.toString(16).padStart(40, '0');
    one.lookout.expect(MAIN, one.head);
    await one.time.pass(10);
  }
  await one.time.pass(60_000);
  expect(one.at.map(Math.floor)).toEqual([0, 2, 4, 6, 8, 10]);
  expect(one.most).toBe(1);
  expect(one.lost).toEqual([]);
});

test('a push during a look is seen by one more', async () => {
  const one = far(500);
  one.head = A;
  one.lookout.expect(MAIN, A);
  await one.time.pass(100);
  one.head = B;
  one.lookout.expect(MAIN, B);
  one.lookout.expect(MAIN, B);
  await one.time.pass(60_000);
  expect(one.at).toEqual([0, 2.5]);
  expect(one.lost).toEqual([]);
});

test('a commit that is not there yet is looked for again, each time later', async () => {
  const one = far();
  one.lookout.expect(MAIN, A);
  await one.time.pass(5000);
  one.head = A;
  await one.time.pass(60_000);
  expect(one.at).toEqual([0, 2, 6]);
  expect(one.lost).toEqual([]);
});

test('a commit that never comes is left to the poll after 30 s, and a later push is looked at anew', async () => {
  const one = far();
  one.lookout.expect(MAIN, A);
  await one.time.pass(60_000);
  expect(one.at).toEqual([0, 2, 6, 14, 30]);
  expect(one.lost).toEqual([A]);
  one.head = B;
  one.lookout.expect(MAIN, B);
  await one.time.pass(60_000);
  expect(one.at).toEqual([0, 2, 6, 14, 30, 60]);
  expect(one.lost).toEqual([A]);
});

test('of a branch that moved on, only the newest commit is looked for', async () => {
  const one = far();
  one.lookout.expect(MAIN, A);
  await one.time.pass(1000);
  one.head = B;
  one.lookout.expect(MAIN, B);
  await one.time.pass(60_000);
  expect(one.at).toEqual([0, 2]);
  expect(one.lost).toEqual([]);
});

test('a push in the midst of a long wait is looked at at once, and the waits begin anew', async () => {
  const one = far();
  one.lookout.expect(MAIN, A);
  await one.time.pass(20_000);
  one.lookout.expect('refs/heads/next', B);
  await one.time.pass(60_000);
  expect(one.at).toEqual([0, 2, 6, 14, 20, 22, 26, 34, 50]);
  expect(one.lost).toEqual([A, B]);
});

test.each([1999, 2000, 2001])('a push %d ms after another, as its look-out ends, is not lost', async (ms) => {
  const one = far();
  one.head = A;
  one.lookout.expect(MAIN, A);
  await one.time.pass(ms);
  one.head = B;
  one.lookout.expect(MAIN, B);
  await one.time.pass(60_000);
  expect(one.at).toHaveLength(2);
  expect(one.lost).toEqual([]);
});

test('nothing is looked at or told after the end', async () => {
  const one = far();
  one.lookout.expect(MAIN, A);
  await one.time.pass(1000);
  stop.abort();
  await one.time.pass(60_000);
  expect(one.at).toEqual([0]);
  expect(one.lost).toEqual([]);
});
