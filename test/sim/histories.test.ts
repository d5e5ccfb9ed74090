import fc from 'fast-check';
import { expect, test } from 'vitest';
import { explain } from '../../controller/core/explain.ts';
import { type AppSpec, desire } from './apps.ts';
import { always, atRest, type Foreign, foreign, settle } from './check.ts';
import { type Controller, type Faults, planOf, startController } from './controller.ts';
import { advance, answers, type Behaviour, ledTo, newOutside, type Outside } from './world.ts';

/** Random histories per property. */
const RUNS = Number(process.env.BERTH_TEST_RUNS ?? 5000);

const appSpec = (name: string): fc.Arbitrary<AppSpec> =>
  fc.record(
    {
      name: fc.constant(name),
      version: fc.integer({ min: 1, max: 3 }),
      behaviour: fc.oneof(
        { weight: 6, arbitrary: fc.constant<Behaviour>('good') },
        { weight: 3, arbitrary: fc.constantFrom<Behaviour>('slow', 'nobuild', 'never', 'crash') },
      ),
      replicas: fc.constantFrom(1, 1, 2),
      strategy: fc.constantFrom('rolling', 'rolling', 'recreate'),
      pinned: fc.boolean(),
      db: fc.integer({ min: 1, max: 2 }),
      header: fc.integer({ min: 1, max: 2 }),
      suspend: fc.constantFrom(false, false, false, true),
    },
    { requiredKeys: ['name', 'version', 'behaviour'] },
  );

const apps = fc
  .tuple(fc.option(appSpec('a')), fc.option(appSpec('b')), fc.option(appSpec('c')))
  .map((list) => list.filter((app) => app !== null));

type Event =
  | { readonly do: 'desire'; readonly apps: readonly AppSpec[]; readonly stalled: readonly string[] }
  | { readonly do: 'passes'; readonly count: number; readonly ms: number }
  | { readonly do: 'unsure'; readonly kind: string }
  | { readonly do: 'restart'; readonly faults: Faults }
  | { readonly do: 'drift'; readonly what: Drift; readonly pick: number };

const DRIFTS = [
  'remove container',
  'stop container',
  'edit vhost',
  'remove vhost',
  'kill nginx',
  'lose state',
  'remove image',
] as const;
type Drift = (typeof DRIFTS)[number];

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('desire'),
      apps,
      stalled: fc.subarray(['a', 'b'], { maxLength: 1 }),
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
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('unsure'),
      kind: fc.constantFrom('image', 'instance', 'vhost', 'network', 'volume', 'logs'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('restart'),
      faults: fc.oneof(
        fc.constant({}),
        fc.record({ crashAt: fc.record({ effect: fc.nat(12), when: fc.constantFrom('before', 'after') }) }),
        fc.record({ failAt: fc.uniqueArray(fc.nat(12), { maxLength: 3 }).map((list) => new Set(list)) }),
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('drift'), what: fc.constantFrom(...DRIFTS), pick: fc.nat(8) }),
  },
) as fc.Arbitrary<Event>;

const histories = fc.array(event, { minLength: 3, maxLength: 14 });

function drift(outside: Outside, what: Drift, pick: number): void {
  const own = [...outside.containers.values()].filter(({ row }) => row.deployment !== '');
  const container = own[pick % Math.max(1, own.length)];
  const names = [...outside.files.keys()].filter((name) => name !== 'legacy');
  const file = names[pick % Math.max(1, names.length)];
  const image = [...outside.images].find(([, { deployment }]) => deployment !== '');
  if (what === 'remove container' && container) outside.containers.delete(container.row.key);
  if (what === 'stop container' && container) container.row = { ...container.row, state: 'exited' };
  if (what === 'edit vhost' && file) outside.files.set(file, `${outside.files.get(file)}# by hand\n`);
  if (what === 'remove vhost' && file) outside.files.delete(file);
  if (what === 'kill nginx') outside.live = undefined;
  if (what === 'lose state') outside.state = newOutside().state;
  if (what === 'remove image' && image) outside.images.delete(image[0]);
}

function seeded(): Outside {
  const outside = newOutside();
  outside.files.set('legacy', 'server { listen 80; }');
  outside.containers.set('pg', {
    row: {
      ...{
        key: 'pg',
        id: 'pg',
        deployment: '',
        service: '',
        hash: '',
        image: 'postgres:16',
        state: 'running',
      },
      ...{
        createdMs: 0,
        port: 3002,
        listen: 5432,
        health: { intervalMs: 1000, timeoutMs: 1000 },
        routed: false,
      },
    },
    startedMs: 0,
    restarts: 0,
  });
  return outside;
}

interface Run {
  readonly outside: Outside;
  readonly seed: Foreign;
  controller: Controller;
  desired: ReturnType<typeof desire>;
  readonly wrong: string[];
}

async function play(run: Run, next: Event): Promise<void> {
  const { outside } = run;
  if (next.do === 'desire') run.desired = desire(next.apps, next.stalled);
  else if (next.do === 'drift') drift(outside, next.what, next.pick);
  else if (next.do === 'restart') renew(run, next.faults);
  else if (next.do === 'unsure') await passWith(run, next.kind);
  else
    for (let count = 0; count < next.count; count += 1) {
      await passWith(run);
      advance(outside, next.ms);
    }
}

function renew(run: Run, faults: Faults): void {
  run.wrong.push(...run.controller.violations);
  run.controller = startController(run.outside, faults);
}

async function passWith(run: Run, unsure?: string): Promise<void> {
  const { outside, wrong } = run;
  if (run.controller.crashed) renew(run, {});
  const before = run.controller.effects.length;
  const reached = reachable(outside);
  const stalled = [...run.desired.stalled].map((name) => traceOf(outside, name));
  await run.controller.pass(run.desired, unsure === undefined ? {} : { unsure });
  const done = run.controller.effects.slice(before);
  wrong.push(...always(outside, run.seed));
  if (unsure !== undefined && done.some((label) => /engine\.remove|engine\.stop|nginx\.remove/.test(label)))
    wrong.push(...goneWithout(run, done, unsure));
  for (const [index, name] of [...run.desired.stalled].entries())
    if (traceOf(outside, name) !== stalled[index]) wrong.push(`${name} is stalled and was changed`);
  for (const name of run.desired.deployments.filter(({ suspend }) => !suspend).map(({ name }) => name)) {
    const app = run.desired.deployments.find((deployment) => deployment.name === name);
    const rolls = app?.services.find((service) => service.name === 'web')?.strategy === 'rolling';
    if (rolls && reached.has(name) && !reachable(outside).has(name))
      wrong.push(`${name} was reachable before the pass and is not after it`);
  }
}

/** Deployments whose visitors get an answer from an app at this moment. */
function reachable(outside: Outside): ReadonlySet<string> {
  const names = [...(outside.live?.keys() ?? [])];
  return new Set(
    names.filter((name) =>
      (ledTo(outside, name).web ?? []).some((key) => {
        const container = outside.containers.get(key);
        return container?.row.state === 'running' && answers(outside, container);
      }),
    ),
  );
}

function traceOf(outside: Outside, name: string): string {
  const rows = [...outside.containers.values()]
    .filter(({ row }) => row.deployment === name)
    .map(({ row }) => row);
  return JSON.stringify([rows, outside.files.get(name), outside.networks.get(`berth-${name}`)]);
}

/** While some kind is out of sight, no deployment that left the file may be taken apart. */
function goneWithout(run: Run, done: readonly string[], unsure: string): readonly string[] {
  const present = new Set([...run.desired.deployments.map(({ name }) => name), ...run.desired.stalled]);
  return done
    .filter((label) => /engine\.remove |engine\.stop |nginx\.remove /.test(label))
    .filter((label) => !present.has(label.split(' ')[1]?.split('-')[0] ?? ''))
    .map((label) => `${label}, while the ${unsure}s were out of sight`);
}

test('any history ends in the world that the file asks for, and nothing foreign or needed is ever touched', async () => {
  await fc.assert(
    fc.asyncProperty(histories, async (events) => {
      const outside = seeded();
      const run: Run = {
        outside,
        seed: foreign(outside),
        controller: startController(outside),
        desired: desire([]),
        wrong: [],
      };
      for (const next of events) await play(run, next);
      renew(run, {});
      // No entry stays wrong for ever; what was stalled is asked for as it was written.
      const desired = run.desired.stalled.size > 0 ? desire([]) : run.desired;
      const rested = await settle(outside, desired, run.controller);
      if (rested === undefined) run.wrong.push('it never comes to rest');
      run.wrong.push(
        ...run.controller.violations,
        ...always(outside, run.seed),
        ...(await atRest(outside, desired)),
      );
      expect(run.wrong).toEqual([]);
    }),
    { numRuns: RUNS },
  );
}, 600_000);

test('the plan of the same worlds is the same text, in whatever order the file has its entries', async () => {
  await fc.assert(
    fc.asyncProperty(apps, apps, async (first, second) => {
      const outside = seeded();
      const controller = startController(outside);
      for (let pass = 0; pass < 4; pass += 1) {
        await controller.pass(desire(first));
        advance(outside, 2000);
      }
      const straight = (await planOf(outside, desire(second))).actions.map(explain);
      const wanted = desire([...second].reverse());
      const turned = (await planOf(outside, wanted)).actions.map(explain);
      expect(turned).toEqual(straight);
    }),
    { numRuns: RUNS },
  );
}, 600_000);

test('removing an entry plans nothing against another', async () => {
  await fc.assert(
    fc.asyncProperty(appSpec('a'), appSpec('b'), async (a, b) => {
      const outside = seeded();
      await settle(outside, desire([a, b]), startController(outside));
      const { actions } = await planOf(outside, desire([b]));
      expect(actions.filter(({ deployment, wait }) => deployment === 'b' && !wait)).toEqual([]);
      expect(actions.some(({ deployment, verb }) => deployment === 'a' && verb === 'delete')).toBe(true);
    }),
    { numRuns: RUNS },
  );
}, 600_000);
