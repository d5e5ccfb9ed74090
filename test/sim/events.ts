/** Random events of the small world: what the file asks for, time, faults, and what hands do. */
import fc from 'fast-check';
import type { AppSpec } from './apps.ts';
import type { Faults } from './controller.ts';
import { EDGE_DRIFTS } from './edge-drift.ts';
import { type Behaviour, isUp, newOutside, type Outside } from './world.ts';

export const appSpec = (name: string): fc.Arbitrary<AppSpec> =>
  fc.record(
    {
      name: fc.constant(name),
      version: fc.integer({ min: 1, max: 4 }),
      behaviour: fc.oneof(
        { weight: 6, arbitrary: fc.constant<Behaviour>('good') },
        { weight: 3, arbitrary: fc.constantFrom<Behaviour>('slow', 'nobuild', 'never', 'crash') },
      ),
      replicas: fc.constantFrom(1, 1, 2),
      strategy: fc.constantFrom('rolling', 'rolling', 'recreate'),
      pinned: fc.boolean(),
      db: fc.integer({ min: 1, max: 2 }),
      volume: fc.constantFrom(true, true, false),
      cache: fc.integer({ min: 1, max: 2 }),
      api: fc.integer({ min: 1, max: 2 }),
      header: fc.integer({ min: 1, max: 2 }),
      suspend: fc.constantFrom(false, false, false, true),
      front: fc.constantFrom('web', 'web', 'web', 'site'),
      internal: fc.constantFrom(false, false, false, true),
      host: fc.constantFrom(name, 'www'),
      source: fc.constantFrom('pending', 'failed', 'last known'),
    },
    { requiredKeys: ['name', 'version', 'behaviour'] },
  );

/** A hostname belongs to one deployment: the file's meaning sees to that. */
export const apps = fc
  .tuple(fc.option(appSpec('a')), fc.option(appSpec('b')), fc.option(appSpec('c')))
  .map((list) => list.filter((app) => app !== null))
  .map((list) => {
    const www = list.find(({ host }) => host === 'www');
    return list.map((app) => (app === www || app.host === undefined ? app : { ...app, host: app.name }));
  });

export type Event =
  | {
      readonly do: 'desire';
      readonly apps: readonly AppSpec[];
      readonly stalled: readonly string[];
      /** The admin has a hostname of its own. */
      readonly admin?: boolean;
    }
  | { readonly do: 'approve' }
  | { readonly do: 'passes'; readonly count: number; readonly ms: number }
  | { readonly do: 'unsure'; readonly kind: string }
  | { readonly do: 'restart'; readonly faults: Faults }
  | { readonly do: 'drift'; readonly what: Drift; readonly pick: number };

const DRIFTS = {
  'remove container': (outside, pick) => {
    const container = ownOne(outside, pick);
    if (container) outside.containers.delete(container.row.key);
  },
  'stop container': (outside, pick) => {
    const container = ownOne(outside, pick);
    if (container) container.row = { ...container.row, state: 'exited' };
  },
  'container dies': (outside, pick) => {
    const container = ownOne(outside, pick);
    if (container?.row.state !== 'running') return;
    container.row = { ...container.row, state: 'restarting' };
    container.restarts += 1;
    container.backAtMs = outside.nowMs + 1500;
    container.hurt = true;
  },
  'container is deaf': (outside, pick) => {
    const container = ownOne(outside, pick);
    if (container)
      Object.assign(container, { deafUntilMs: outside.nowMs + (pick % 2 ? 12_000 : 2500), hurt: true });
  },
  'edit vhost': (outside, pick) => {
    const file = ownFile(outside, pick);
    if (file) outside.files.set(file, `${outside.files.get(file)}# by hand\n`);
  },
  'remove vhost': (outside, pick) => {
    const file = ownFile(outside, pick);
    if (file) outside.files.delete(file);
  },
  'kill nginx': (outside) => {
    outside.live = undefined;
    outside.oldWorkers = [];
  },
  'lose state': (outside) => {
    outside.state = newOutside().state;
  },
  'remove image': (outside) => {
    const used = new Set([...outside.containers.values()].map(({ row }) => row.image));
    const image = [...outside.images].find(([key, { deployment }]) => deployment !== '' && !used.has(key));
    if (image) outside.images.delete(image[0]);
  },
  'someone takes a reserved port': (outside) => {
    const held = [...outside.containers.values()].filter(isUp).map(({ row }) => row.port);
    const row = outside.state.ports.find(({ port, instance }) => instance !== '' && !held.includes(port));
    if (row) outside.foreignPorts.add(row.port);
  },
  'someone takes a pinned port': (outside) => {
    const texts = [...(outside.live?.values() ?? []), ...outside.files.values()].join();
    if (!texts.includes('127.0.0.1:4097;')) outside.foreignPorts.add(4097);
  },
  'the pinned port is free again': (outside) => void outside.foreignPorts.delete(4097),
  'old workers linger': (outside, pick) => {
    outside.workersMs = [0, 3000, 9000][pick % 3] ?? 0;
  },
  'stops take long': (outside, pick) => {
    outside.stopMs = pick % 2 === 0 ? 2000 : 9000;
  },
  'a reload fails': (outside) => {
    outside.brokenReloads = 1;
  },
  'an archive fails': (outside) => {
    outside.brokenArchives = 1;
  },
} satisfies Readonly<Record<string, (outside: Outside, pick: number) => void>>;

export type Drift = keyof typeof DRIFTS | keyof typeof EDGE_DRIFTS;

function ownOne(outside: Outside, pick: number) {
  const own = [...outside.containers.values()].filter(({ row }) => row.deployment !== '');
  return own[pick % Math.max(1, own.length)];
}

function ownFile(outside: Outside, pick: number): string | undefined {
  const names = [...outside.files.keys()].filter((name) => name !== 'legacy');
  return names[pick % Math.max(1, names.length)];
}

/** Something happens that no controller did. */
export function drift(outside: Outside, what: Drift, pick: number): void {
  const all = { ...DRIFTS, ...EDGE_DRIFTS };
  all[what](outside, pick);
}

const effects = fc.uniqueArray(fc.nat(14), { maxLength: 3 }).map((list) => new Set(list));

const faults = fc.oneof(
  fc.constant({}),
  fc.record({ crashAt: fc.record({ effect: fc.nat(14), when: fc.constantFrom('before', 'after') }) }),
  fc.record({ failAt: effects }),
  fc.record({ loseAt: effects }),
);

const event = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('desire'),
      apps,
      stalled: fc.subarray(['a', 'b'], { maxLength: 1 }),
      admin: fc.constantFrom(false, false, true),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('passes'),
      count: fc.integer({ min: 1, max: 6 }),
      ms: fc.constantFrom(0, 300, 1000, 3000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('approve') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('unsure'),
      kind: fc.constantFrom(
        ...['image', 'instance', 'vhost', 'network', 'volume', 'logs'],
        ...['tunnel', 'dns record', 'tunnel route'],
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('restart'), faults }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('drift'),
      what: fc.constantFrom(...(Object.keys(DRIFTS) as Drift[])),
      pick: fc.nat(8),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('drift'),
      what: fc.constantFrom(...(Object.keys(EDGE_DRIFTS) as Drift[])),
      pick: fc.nat(8),
    }),
  },
) as fc.Arbitrary<Event>;

export const histories = fc.array(event, { minLength: 3, maxLength: 14 });
