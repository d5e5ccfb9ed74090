import { expect, test } from 'vitest';
import { createGate } from './gate.ts';

function gateAt() {
  let at = 0;
  const gate = createGate(() => at);
  return {
    gate,
    wait: (ms: number) => {
      at += ms;
    },
    open: () => gate.closed() === undefined,
  };
}

test.each([
  ['300', 300_000],
  [' 12 ', 12_000],
  ['0', 1000],
  ['86400', 3_600_000],
  ['soon', 300_000],
  ['-5', 300_000],
  [null, 300_000],
])('Retry-After: %s shuts it for %i ms', (retryAfter, ms) => {
  const { gate, wait, open } = gateAt();
  gate.pause(retryAfter);
  wait(ms - 1);
  expect(open()).toBe(false);
  expect(() => gate.pass()).toThrow(/nothing is asked of Cloudflare before \d\d:\d\d:\d\d UTC/);
  wait(1);
  expect(open()).toBe(true);
  gate.pass();
});

test('Retry-After may be a date', () => {
  const { gate, wait, open } = gateAt();
  gate.pause(new Date(Date.now() + 60_000).toUTCString());
  wait(55_000);
  expect(open()).toBe(false);
  wait(6000);
  expect(open()).toBe(true);
});

test('a shorter pause does not end a longer one, and the words stay', () => {
  const { gate, wait, open } = gateAt();
  const { message } = gate.pause('300');
  expect(gate.pause('1').message).toBe(message);
  wait(2000);
  expect(open()).toBe(false);
  expect(gate.closed()?.message).toBe(message);
});

test('no five minutes see more than 600 calls, however it is pushed', () => {
  const { gate, wait } = gateAt();
  const passed: number[] = [];
  let at = 0;
  for (let n = 0; n < 20_000; n += 1) {
    const ms = (n * 7919) % 400;
    wait(ms);
    at += ms;
    try {
      gate.pass();
      passed.push(at);
    } catch {
      // Not now.
    }
  }
  const most = passed.map((start) => passed.filter((one) => one >= start && one < start + 300_000).length);
  expect(Math.max(...most)).toBe(600);
  expect(passed.length).toBeGreaterThan(600 * (at / 300_000) * 0.8);
});
