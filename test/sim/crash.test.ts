import { expect, test } from 'vitest';
import { type AppSpec, desire } from './apps.ts';
import { always, atRest, foreign, settle } from './check.ts';
import { type Faults, startController } from './controller.ts';
import { seedEdge } from './edge-drift.ts';
import { newOutside, type Outside } from './world.ts';

const app = (name: string, version: number, more: Partial<AppSpec> = {}): AppSpec => ({
  name,
  version,
  behaviour: 'good',
  ...more,
});

/** From a world at rest on the first list to the second. */
const TRANSITIONS: Readonly<Record<string, readonly [readonly AppSpec[], readonly AppSpec[]]>> = {
  'first deploy': [[], [app('a', 1)]],
  'two apps, one with a database': [[], [app('a', 1, { db: 1 }), app('b', 1, { pinned: true })]],
  redeploy: [[app('a', 1)], [app('a', 2)]],
  'redeploy with replicas': [[app('a', 1, { replicas: 2 })], [app('a', 2, { replicas: 2 })]],
  'redeploy by recreate': [[app('a', 1, { strategy: 'recreate' })], [app('a', 2, { strategy: 'recreate' })]],
  'a new database version': [[app('a', 1, { db: 1 })], [app('a', 1, { db: 2 })]],
  'a version that does not build': [[app('a', 1)], [app('a', 2, { behaviour: 'nobuild' })]],
  'a version that crashes': [[app('a', 1)], [app('a', 2, { behaviour: 'crash' })]],
  'a version that never answers, by recreate': [
    [app('a', 1, { strategy: 'recreate' })],
    [app('a', 2, { strategy: 'recreate', behaviour: 'never' })],
  ],
  'another header': [[app('a', 1)], [app('a', 1, { header: 2 })]],
  suspend: [[app('a', 1, { db: 1 })], [app('a', 1, { db: 1, suspend: true })]],
  resume: [[app('a', 1, { suspend: true })], [app('a', 1)]],
  removal: [[app('a', 1, { db: 1, pinned: true }), app('b', 1)], [app('b', 1)]],
  rename: [[app('a', 1, { db: 1 })], [app('c', 1, { db: 1 })]],
  'a chain of needs': [[], [app('a', 1, { db: 1, cache: 1, api: 1 })]],
  'more replicas': [[app('a', 1)], [app('a', 1, { replicas: 2 })]],
  'fewer replicas': [[app('a', 1, { replicas: 2 })], [app('a', 1)]],
  'another strategy and another version': [[app('a', 1)], [app('a', 2, { strategy: 'recreate' })]],
  'a service with another name': [[app('a', 1, { api: 1 })], [app('a', 1, { api: 1, front: 'site' })]],
  'a routed service that leaves the entry': [[app('a', 1, { api: 1 })], [app('a', 1)]],
  'an internal service that leaves with its volume': [[app('a', 1, { db: 1 })], [app('a', 2)]],
  'a volume that leaves the entry': [[app('a', 1, { db: 1 })], [app('a', 1, { db: 1, volume: false })]],
  'a service that goes off its route': [[app('a', 1)], [app('a', 1, { internal: true })]],
  'a hostname that moves': [
    [app('a', 1, { host: 'www' }), app('b', 1)],
    [app('a', 1), app('b', 1, { host: 'www' })],
  ],
};

async function begin(apps: readonly AppSpec[]): Promise<Outside> {
  const outside = newOutside();
  // Where there is nothing yet, there is no tunnel either.
  if (apps.length > 0) seedEdge(outside.edge);
  await settle(outside, desire(apps), startController(outside));
  return outside;
}

async function run(
  from: readonly AppSpec[],
  to: readonly AppSpec[],
  faults: Faults,
): Promise<readonly string[]> {
  const outside = await begin(from);
  const seed = foreign(outside);
  const wanted = desire(to);
  const first = startController(outside, faults);
  const rested = await settle(outside, wanted, first);
  const second = startController(outside);
  const restedAgain = first.crashed ? await settle(outside, wanted, second) : rested;
  return [
    ...first.violations,
    ...second.violations,
    ...(restedAgain === undefined ? ['it never comes to rest'] : []),
    ...always(outside, seed),
    ...(await atRest(outside, wanted)),
  ];
}

test('a controller killed before or after any effect leaves nothing leaked, doubled or foreign touched', async () => {
  let points = 0;
  const wrong: string[] = [];
  for (const [name, [from, to]] of Object.entries(TRANSITIONS)) {
    const outside = await begin(from);
    const dry = startController(outside);
    await settle(outside, desire(to), dry);
    expect(dry.effects.length, name).toBeGreaterThan(0);
    for (const [effect, label] of dry.effects.entries()) {
      for (const when of ['before', 'after'] as const) {
        points += 1;
        const found = await run(from, to, { crashAt: { effect, when } });
        wrong.push(...found.map((what) => `${name}, killed ${when} ${label}: ${what}`));
      }
    }
  }
  console.log(`crash points tried: ${points}`);
  expect(wrong).toEqual([]);
  expect(points).toBeGreaterThan(500);
});

test('an effect that fails once is made up for', async () => {
  const wrong: string[] = [];
  for (const [name, [from, to]] of Object.entries(TRANSITIONS)) {
    for (let effect = 0; effect < 12; effect += 1) {
      const found = await run(from, to, { failAt: new Set([effect]) });
      wrong.push(...found.map((what) => `${name}, effect ${effect} failed: ${what}`));
    }
  }
  expect(wrong).toEqual([]);
});

test('a write to Cloudflare whose answer is lost is neither forgotten nor done twice', async () => {
  const wrong: string[] = [];
  for (const [name, [from, to]] of Object.entries(TRANSITIONS)) {
    const outside = await begin(from);
    const dry = startController(outside);
    await settle(outside, desire(to), dry);
    for (const [effect, label] of dry.effects.entries()) {
      if (!label.startsWith('edge.')) continue;
      const found = await run(from, to, { loseAt: new Set([effect]) });
      wrong.push(...found.map((what) => `${name}, lost the answer to ${label}: ${what}`));
    }
  }
  expect(wrong).toEqual([]);
});
