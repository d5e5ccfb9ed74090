import { expect, test } from 'vitest';
import { CloudflareError } from './errors.ts';
import { createGate } from './gate.ts';
import { createLooks } from './looks.ts';
import type { DnsRecord, EdgeView } from './types.ts';

const EMPTY: EdgeView = { zones: [], records: [], rules: [] };
const record = (id: string): DnsRecord => ({
  ...{ id, zone: 'z', type: 'CNAME', name: `${id}.example.com`, content: 'x' },
  ...{ proxied: true, comment: '' },
});
const withRecord = (id: string) => (view: EdgeView) => ({ ...view, records: [...view.records, record(id)] });

/** Looks whose answers the test gives by hand. */
function desk() {
  let at = 0;
  let changes = 0;
  const asked: { give(view: EdgeView): Promise<void>; fail(error: Error): Promise<void> }[] = [];
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  const gate = createGate(() => at);
  const looks = createLooks({
    gate,
    intervalMs: 30_000,
    now: () => at,
    onChange: () => {
      changes += 1;
    },
    looker: {
      ...{ account: undefined, forget() {}, learn() {} },
      look: () =>
        new Promise((resolve, reject) =>
          asked.push({
            give(view) {
              resolve(view);
              return turn();
            },
            fail(error) {
              reject(error);
              return turn();
            },
          }),
        ),
    },
  });
  const ask = (): EdgeView | string => {
    try {
      return looks.view();
    } catch (error) {
      return String(error);
    }
  };
  return {
    ...{ looks, gate, ask, asked },
    wait: (ms: number) => {
      at += ms;
    },
    changes: () => changes,
  };
}

test('one that fails is tried again after 1 s, 2 s, 4 s and at most 5 min', async () => {
  const { ask, asked, wait, changes } = desk();
  ask();
  const seconds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300];
  for (const [n, s] of seconds.entries()) {
    await asked[n]?.fail(new CloudflareError('down', { status: 502 }));
    expect(ask()).toContain('down');
    wait(s * 1000 - 1);
    ask();
    expect(asked).toHaveLength(n + 1);
    wait(1);
    ask();
    expect(asked).toHaveLength(n + 2);
  }
  await asked.at(-1)?.give(EMPTY);
  expect(ask()).toEqual(EMPTY);
  expect(changes(), 'from unknown to down, from down to seen').toBe(2);
});

test('a good one lasts for the interval, and no change is told where there is none', async () => {
  const { ask, asked, wait, changes } = desk();
  ask();
  await asked[0]?.give(EMPTY);
  wait(28_000);
  ask();
  expect(asked).toHaveLength(1);
  wait(2000);
  expect(ask(), 'what was known is told while the next is under way').toEqual(EMPTY);
  ask();
  expect(asked).toHaveLength(2);
  await asked[1]?.give({ ...EMPTY });
  expect(changes()).toBe(1);
});

test('many calls are a longer pause than the interval', async () => {
  const { ask, asked, wait, gate } = desk();
  ask();
  for (let n = 0; n < 60; n += 1) gate.pass();
  await asked[0]?.give(EMPTY);
  wait(59_000);
  ask();
  expect(asked).toHaveLength(1);
  wait(1000);
  ask();
  expect(asked).toHaveLength(2);
});

test('what we wrote while it was under way is not forgotten by it', async () => {
  const { looks, ask, asked, changes } = desk();
  ask();
  await asked[0]?.give(EMPTY);
  looks.patch(withRecord('a'));
  expect(ask()).toMatchObject({ records: [{ id: 'a' }] });
  void looks.run();
  looks.patch(withRecord('b'));
  await asked[1]?.give({ ...EMPTY, records: [record('a')] });
  expect(ask()).toMatchObject({ records: [{ id: 'a' }, { id: 'b' }] });
  expect(changes(), 'our own writes are no news').toBe(1);
});

test('after a write in doubt nothing is known until a look that began later has ended', async () => {
  const { looks, ask, asked, changes } = desk();
  ask();
  await asked[0]?.give(EMPTY);
  void looks.run();
  looks.doubt(new CloudflareError('lost', { doubtful: true }));
  expect(ask()).toContain('lost');
  await asked[1]?.give(EMPTY);
  expect(ask(), 'that one began before the doubt').toContain('lost');
  await asked[2]?.give({ ...EMPTY, records: [record('a')] });
  expect(ask()).toMatchObject({ records: [{ id: 'a' }] });
  expect(asked).toHaveLength(3);
  expect(changes()).toBe(2);
});

test('while Cloudflare asks for patience none is begun, and one at once afterwards', async () => {
  const { ask, asked, wait, gate } = desk();
  ask();
  await asked[0]?.fail(gate.pause('300'));
  wait(299_000);
  expect(ask()).toContain('too many calls');
  expect(asked).toHaveLength(1);
  wait(1000);
  ask();
  expect(asked).toHaveLength(2);
});

test('what is known is not told for longer than the interval when nothing may be asked', async () => {
  const { ask, asked, wait, gate } = desk();
  ask();
  await asked[0]?.give(EMPTY);
  gate.pause('300');
  expect(ask()).toEqual(EMPTY);
  wait(31_000);
  expect(ask()).toContain('too many calls');
});
