/** Plays a history, and notes what must never happen on the way. */
import { type AppSpec, desire } from './apps.ts';
import { always, atRest, type Foreign, foreign, settle } from './check.ts';
import { type Controller, type Faults, startController } from './controller.ts';
import { seedEdge } from './edge-drift.ts';
import { drift, type Event } from './events.ts';
import { advance, answers, ledTo, newOutside, type Outside } from './world.ts';

/** A world with foreign things in it. */
export function seeded(): Outside {
  const outside = newOutside();
  outside.files.set('legacy', 'server { listen 80; }');
  seedEdge(outside.edge);
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
    volumes: [],
  });
  return outside;
}

interface Run {
  readonly outside: Outside;
  seed: Foreign;
  controller: Controller;
  apps: readonly AppSpec[];
  admin: boolean;
  desired: ReturnType<typeof desire>;
  held: readonly string[];
  approved: readonly string[];
  readonly wrong: string[];
}

/** Everything that was wrong during the history, and in the world that it ends in. */
export async function play(events: readonly Event[]): Promise<readonly string[]> {
  const outside = seeded();
  const run: Run = {
    outside,
    seed: foreign(outside),
    controller: startController(outside),
    apps: [],
    admin: false,
    desired: desire([]),
    held: [],
    approved: [],
    wrong: [],
  };
  for (const next of events) await playOne(run, next);
  renew(run, {});
  // No entry stays wrong for ever; what was stalled is asked for as it was written.
  const desired = desire(run.apps, [], run.admin);
  if ((await settle(outside, desired, run.controller, ['a', 'b', 'c', 'berth-admin'])) === undefined)
    run.wrong.push('it never comes to rest');
  return [
    ...run.wrong,
    ...run.controller.violations,
    ...always(outside, run.seed),
    ...(await atRest(outside, desired)),
  ];
}

async function playOne(run: Run, next: Event): Promise<void> {
  const { outside } = run;
  if (next.do === 'desire') {
    const { apps, stalled, admin = false } = next;
    Object.assign(run, { apps, admin, desired: desire(apps, stalled, admin) });
  } else if (next.do === 'approve') run.approved = run.held;
  else if (next.do === 'drift') {
    drift(outside, next.what, next.pick);
    // What is nobody's any more, or came up just now, is foreign from here on.
    run.seed = foreign(outside);
  } else if (next.do === 'restart') renew(run, next.faults);
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
  // Nobody can put back a vhost whose deployment is out of sight.
  const reached = new Set([...reachable(outside)].filter((name) => !unsure || outside.files.has(name)));
  const stalled = [...run.desired.stalled].map((name) => traceOf(outside, name));
  const { plan } = await run.controller.pass(run.desired, {
    approved: run.approved,
    ...(unsure !== undefined && { unsure }),
  });
  run.held = plan?.held ?? [];
  const done = run.controller.effects.slice(before);
  wrong.push(...always(outside, run.seed), ...done.filter((label) => isOf(label, run.held)));
  if (unsure !== undefined && done.some((label) => TAKES_DOWN.test(label)))
    wrong.push(...goneWithout(run, done, unsure));
  for (const [index, name] of [...run.desired.stalled].entries())
    if (traceOf(outside, name) !== stalled[index]) wrong.push(`${name} is stalled and was changed`);
  for (const name of run.desired.deployments.filter(({ suspend }) => !suspend).map(({ name }) => name)) {
    const app = run.desired.deployments.find((deployment) => deployment.name === name);
    const web = app?.services.find((service) => service.name === 'web');
    if (web?.routed && web.strategy === 'rolling' && reached.has(name) && !reachable(outside).has(name))
      wrong.push(`${name} was reachable before the pass and is not after it`);
  }
}

/** An effect that takes something down. */
const TAKES_DOWN = /^(engine\.(stop|remove)|nginx\.remove|edge\.(deleteRecord|editRules)) /;

/** An effect that takes something of these deployments down. */
function isOf(label: string, deployments: readonly string[]): boolean {
  const [, ...keys] = label.split(' ');
  return (
    TAKES_DOWN.test(label) && deployments.some((name) => keys.some((key) => key.split(/[-.]/)[0] === name))
  );
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
  const records = outside.edge.records.filter(({ comment }) => comment === `berth:sim/${name}`);
  const rules = outside.edge.rules.filter(({ hostname }) => hostname === `${name}.example.com`);
  const network = outside.networks.get(`berth-${name}`);
  return JSON.stringify([rows, outside.files.get(name), network, records, rules]);
}

/** While some kind is out of sight, no deployment that left the file may be taken apart. */
function goneWithout(run: Run, done: readonly string[], unsure: string): readonly string[] {
  const present = new Set([...run.desired.deployments.map(({ name }) => name), ...run.desired.stalled]);
  const gone = ['a', 'b', 'c'].filter((name) => !present.has(name));
  return done
    .filter((label) => isOf(label, gone))
    .map((label) => `${label}, while the ${unsure}s were out of sight`);
}
