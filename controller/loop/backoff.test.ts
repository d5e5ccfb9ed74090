import { expect, test } from 'vitest';
import { StalledError, TransientError } from '../core/errors.ts';
import type { Outcome } from '../core/types.ts';
import { createBackoff } from './backoff.ts';

function begin() {
  const clock = { ms: 0 };
  return { clock, backoff: createBackoff(() => clock.ms) };
}

const outcome = (deployment: string, error?: unknown): Outcome => ({
  action: { verb: 'create', kind: 'instance', key: `${deployment}-web`, deployment, why: 'new' },
  ...(error !== undefined && { error }),
});

const same = (): string => 'f1';

test('what fails is left alone for a second, then twice as long each time, at most five minutes', () => {
  const { clock, backoff } = begin();
  const pauses: (number | undefined)[] = [];
  for (let time = 0; time < 11; time += 1) {
    backoff.note([outcome('a', new TransientError('busy'))], same);
    const pause = backoff.waits(same).get('a')?.ms;
    pauses.push(pause);
    clock.ms += pause ?? 0;
    expect(backoff.waits(same).has('a')).toBe(false);
  }
  expect(pauses).toEqual([1e3, 2e3, 4e3, 8e3, 16e3, 32e3, 64e3, 128e3, 256e3, 300e3, 300e3]);
});

test('a success forgets the failure, and a failure of one deployment is none of another', () => {
  const { backoff } = begin();
  backoff.note([outcome('a', new TransientError('busy')), outcome('b')], same);
  expect([...backoff.waits(same).keys()]).toEqual(['a']);
  backoff.note([outcome('a')], same);
  expect(backoff.errors()).toEqual(new Map());
});

test('a skipped step says nothing about its deployment', () => {
  const { backoff } = begin();
  backoff.note([outcome('a', new TransientError('busy'))], same);
  backoff.note([{ ...outcome('a'), skipped: 'an earlier step of its deployment failed' }], same);
  expect(backoff.errors()).toEqual(new Map([['a', 'busy']]));
});

test('a stall waits for a person, until what is asked for changes', () => {
  const { clock, backoff } = begin();
  backoff.note([outcome('a', new StalledError('not ours'))], same);
  clock.ms = 1e12;
  expect(backoff.waits(same).get('a')).toEqual({ why: 'stalled: not ours', forPerson: true });
  expect(backoff.waits(() => 'f2').has('a')).toBe(false);
  expect(backoff.errors()).toEqual(new Map());
});

test('a person asks for one deployment, or for all, at once', () => {
  const { backoff } = begin();
  const failing = ['a', 'b', 'c'].map((name) => outcome(name, new StalledError('no')));
  backoff.note(failing, same);
  backoff.forget('a');
  expect([...backoff.waits(same).keys()]).toEqual(['b', 'c']);
  backoff.forget();
  expect(backoff.waits(same).size).toBe(0);
});

test('what came right by itself is not reported as failed for ever', () => {
  const { backoff } = begin();
  backoff.note([outcome('a', new TransientError('busy')), outcome('b', new TransientError('busy'))], same);
  backoff.settle((deployment) => deployment === 'a');
  expect([...backoff.errors().keys()]).toEqual(['b']);
});

test('only what is neither a stall nor the world not being ready is a bug', () => {
  const { backoff } = begin();
  const bug = new TypeError('x is undefined');
  const bugs = backoff.note(
    [outcome('a', bug), outcome('b', new StalledError('no')), outcome('c', new TransientError('busy'))],
    same,
  );
  expect(bugs).toEqual([bug]);
  expect(backoff.waits(same).get('a')?.ms).toBe(1000);
});
