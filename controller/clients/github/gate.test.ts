import { expect, test } from 'vitest';
import { TransientError } from '../../core/errors.ts';
import { type Answer, createGate, isLimit } from './gate.ts';

const DATE = 'Tue, 20 Aug 2030 14:50:41 GMT';
const inSeconds = (seconds: number): string => String(Date.parse(DATE) / 1000 + seconds);
const answer = (status: number, headers: Answer['headers'] = {}, message = ''): Answer => ({
  status,
  headers: { date: DATE, ...headers },
  message,
});

/** A gate and the time it goes by. */
function gateAt() {
  const clock = { ms: 0 };
  return { clock, gate: createGate(() => clock.ms) };
}

test.each([
  ['retry-after', answer(429, { 'retry-after': '300' }), 300],
  ['retry-after with 403', answer(403, { 'retry-after': '30' }), 30],
  [
    'the primary limit',
    answer(403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': inSeconds(120) }),
    120,
  ],
  [
    'the primary limit with 429',
    answer(429, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': inSeconds(9) }),
    9,
  ],
  ['a secondary limit that only says so', answer(403, {}, 'You have exceeded a secondary rate limit.'), 60],
  [
    'a last call that is still answered',
    answer(200, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': inSeconds(7) }),
    7,
  ],
  ['a wait beyond reason', answer(429, { 'retry-after': '999999' }), 3600],
  ['a refused token', answer(401), 600],
  ['an outage', answer(502), 1],
])('%s pauses it', (_what, given, seconds) => {
  const { clock, gate } = gateAt();
  gate.check();
  gate.note(given);
  expect(gate.pausedMs).toBe(seconds * 1000);
  expect(() => gate.check()).toThrow(TransientError);
  expect(() => gate.check()).toThrow(`another ${seconds} s`);
  clock.ms += seconds * 1000;
  gate.check();
});

test('a right that is missing is no limit', () => {
  const lacking = answer(403, { 'x-ratelimit-remaining': '4999' }, 'Resource not accessible');
  expect(isLimit(lacking)).toBe(false);
  const { gate } = gateAt();
  gate.note(lacking);
  expect(gate.pausedMs).toBe(0);
});

test('outages double the pause up to five minutes, and an answer ends that', () => {
  const { clock, gate } = gateAt();
  const pauses = Array.from({ length: 11 }, () => {
    gate.fail('down');
    const ms = gate.pausedMs;
    clock.ms += ms;
    return ms / 1000;
  });
  expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
  gate.note(answer(200));
  gate.fail('down');
  expect(gate.pausedMs).toBe(1000);
});

test('a limit that comes back without a word waits longer each time', () => {
  const { clock, gate } = gateAt();
  const pauses = Array.from({ length: 8 }, () => {
    gate.note(answer(429));
    const ms = gate.pausedMs;
    clock.ms += ms;
    return ms / 60_000;
  });
  expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
});

test('headers that make no sense are not waited for', () => {
  const { gate } = gateAt();
  gate.note(answer(200, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': 'soon' }));
  gate.note(answer(200, { 'retry-after': '-5' }));
  expect(gate.pausedMs).toBe(0);
});
