/** Histories that once went wrong, or that chance rarely meets, each written out. */
import { describe, expect, test } from 'vitest';
import { type AppSpec, desire } from './apps.ts';
import { settle } from './check.ts';
import { startController } from './controller.ts';
import type { Event } from './events.ts';
import { play, seeded } from './play.ts';
import { advance, ledTo } from './world.ts';

const app = (name: string, version: number, more: Partial<AppSpec> = {}): AppSpec => ({
  ...{ name, version, behaviour: 'good' },
  ...more,
});
const want = (...apps: readonly AppSpec[]): Event => ({ do: 'desire', apps, stalled: [] });
const passes = (count: number, ms = 1000): Event => ({ do: 'passes', count, ms });
const drift = (what: Extract<Event, { do: 'drift' }>['what'], pick = 0): Event => ({
  do: 'drift',
  what,
  pick,
});
const restart: Event = { do: 'restart', faults: {} };
/** A controller whose writes to Cloudflare go unanswered for a while. */
const lossy: Event = { do: 'restart', faults: { loseAt: new Set([3, 4, 5, 6, 7, 8, 9]) } };

const ROWS: Readonly<Record<string, readonly Event[]>> = {
  'a controller that restarts while the only version does not answer for a while does not give it up': [
    ...[want(app('b', 1)), passes(8), drift('container is deaf', 1), restart],
  ],
  'a lost registry is rebuilt for what is stopped, too': [
    ...[want(app('a', 1)), passes(3, 3000), drift('lose state'), want(app('a', 1, { suspend: true }))],
  ],
  'a lost registry is rebuilt for what only waits to go': [
    ...[want(app('b', 1, { api: 1 })), passes(2, 3000), drift('lose state')],
    want(app('b', 1, { behaviour: 'crash' })),
  ],
  'a strategy that changes while both versions run takes nothing down that visitors are led to': [
    ...[want(app('a', 1)), passes(6), want(app('a', 2, { behaviour: 'slow' })), passes(5)],
    ...[want(app('a', 2, { behaviour: 'slow', strategy: 'recreate' })), passes(2)],
  ],
  'a service that was internal a moment ago leads visitors to what has a port': [
    ...[want(app('c', 1)), passes(2, 3000), want(app('c', 1, { db: 1, internal: true })), passes(5, 3000)],
    ...[want(app('c', 1, { source: 'pending' })), passes(1, 0)],
  ],
  'a routed service that leaves drains before it goes': [
    ...[drift('old workers linger', 2), want(app('a', 1, { api: 1 })), passes(8), want(app('a', 1))],
  ],
  'a record whose comment is wiped is left behind, its route is not': [
    ...[want(app('a', 1)), passes(4), drift('wipe a comment'), passes(2), want()],
  ],
  'a hostname that moves while the state file is lost is handed over': [
    ...[want(app('a', 1, { host: 'www' })), passes(4), drift('lose state')],
    want(app('a', 1), app('b', 1, { host: 'www' })),
  ],
  'a tunnel that is deleted while somebody is in the way of one hostname': [
    ...[want(app('a', 1), app('b', 1)), passes(4), drift('remove record'), drift('a foreign record appears')],
    ...[passes(2), drift('the tunnel is deleted'), passes(3), drift('foreign things make room')],
  ],
  'somebody writes between our read and our write of the tunnel, and the answer is lost': [
    ...[lossy, want(app('a', 1))],
    ...[drift('someone else writes in between'), passes(6)],
  ],
  'a service that leaves with its volume waits for the version that uses it': [
    ...[want(app('a', 1, { db: 1 })), passes(9), want(app('a', 2, { behaviour: 'never' })), passes(20)],
  ],
};

test.each(Object.entries(ROWS))('%s', async (_, events) => {
  expect(await play(events)).toEqual([]);
});

test('a volume that left the entry, came back and goes for good is archived with its newest content', async () => {
  const [with_, without] = [app('a', 1, { db: 1 }), app('a', 1, { db: 1, volume: false })];
  for (let count = 1; count <= 16; count += 1) {
    const back = [passes(count), want(with_), passes(12), want()];
    expect(await play([want(with_), passes(12), want(without), ...back]), `after ${count} passes`).toEqual(
      [],
    );
  }
});

test('a mass deletion waits for a person, and all else goes on', async () => {
  const outside = seeded();
  const first = startController(outside);
  await settle(outside, desire([app('a', 1), app('b', 1), app('c', 1)]), first);
  const wanted = desire([app('c', 2)]);
  const second = startController(outside);
  await settle(outside, wanted, second);
  expect(second.effects.filter((label) => / [ab]([-.]|$)/.test(label))).toEqual([]);
  expect(ledTo(outside, 'c').web?.[0]).toBe(`c-web-${wanted.deployments[0]?.services[0]?.version?.hash}`);
  const { plan } = await second.pass(wanted);
  expect(plan?.held).toEqual(['a', 'b']);
  await settle(outside, wanted, second, ['a', 'b']);
  expect([...outside.networks.values()]).toEqual(['c']);
});

describe('a range without a free port', () => {
  test('keeps the old version serving, says so, and goes on when there is room', async () => {
    const outside = seeded();
    outside.ports = { first: 3000, last: 3004 };
    const controller = startController(outside);
    await settle(outside, desire([app('a', 1), app('b', 1)]), controller);
    const before = ledTo(outside, 'a');
    const both = desire([app('a', 2), app('b', 1)]);
    await settle(outside, both, controller);
    const { plan } = await controller.pass(both);
    expect(plan?.wanted.verdicts.get('a')?.error).toMatch(/^no port is free in 3000-3004/);
    expect(ledTo(outside, 'a')).toEqual(before);
    await settle(outside, desire([app('a', 2)]), controller);
    expect(ledTo(outside, 'a')).not.toEqual(before);
    expect(ledTo(outside, 'a').web).toHaveLength(1);
  });
});

test('an app that hung after it had answered costs no pass before something happens', async () => {
  const outside = seeded();
  const controller = startController(outside);
  const wanted = desire([app('a', 1)]);
  await settle(outside, wanted, controller);
  for (const { row } of outside.containers.values())
    if (row.deployment === 'a') Object.assign(outside.containers.get(row.key) ?? {}, { deafUntilMs: 1e12 });
  for (let second = 0; second < 30; second += 1) {
    await controller.pass(wanted);
    advance(outside, 1000);
  }
  const { plan } = await controller.pass(wanted);
  const pauses = plan?.actions.map(({ wait }) => wait?.ms);
  expect(pauses).toEqual([undefined]);
  expect(plan?.wanted.verdicts.get('a')).toMatchObject({ status: 'failed', stage: 'serving' });
});
