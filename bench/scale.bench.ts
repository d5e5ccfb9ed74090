/**
 * How the cost of a pass grows with the number of deployments, in the small world of test/sim, where the engine and
 * nginx cost nothing: what is left is Berth's own work. Ten times the deployments should take about ten times as long.
 */
import { bench, describe } from 'vitest';
import { makePlan } from '../controller/core/plan.ts';
import type { Observed } from '../controller/core/types.ts';
import { createKinds } from '../controller/kinds/index.ts';
import { observe } from '../controller/loop/observe.ts';
import { parseManifest } from '../controller/manifest/parse.ts';
import { desire } from '../test/sim/apps.ts';
import { connect } from '../test/sim/clients.ts';
import { rulesIn, startController } from '../test/sim/controller.ts';
import { advance, newOutside } from '../test/sim/world.ts';

const SIZES = [10, 100, 500];
const signal = new AbortController().signal;
const rules = {
  ...{ file: 'deployments.yaml', domain: 'example.com', ports: { first: 3000, last: 9999 } },
  ...{ reservedHosts: [], reservedPorts: [], gitAllow: [] },
};

const worlds = new Map(await Promise.all(SIZES.map(async (size) => [size, await worldOf(size)] as const)));

/** A world at rest, in which that many deployments of two services run. */
async function worldOf(size: number) {
  const outside = newOutside();
  outside.ports = rules.ports;
  const apps = Array.from({ length: size }, (_, index) => ({
    ...{ name: `app${index}`, version: 1, behaviour: 'good' as const, db: 1 },
  }));
  const desired = desire(apps);
  const controller = startController(outside);
  for (let turn = 0; turn < 30; turn += 1) {
    const { outcomes, plan } = await controller.pass(desired);
    if (outcomes.length === 0 && plan?.actions.length === 0) break;
    if (turn === 29) throw new Error(`${size} deployments did not come to rest`);
    advance(outside, 2000);
  }
  const kinds = createKinds(
    connect(
      outside,
      (_label, effect) => effect(),
      () => {},
    ),
  );
  const observed: Observed = await observe(kinds, signal);
  const text = apps.map(({ name }) => `  ${name}: { repo: 'https://example.com/${name}', env: { A: b } }\n`);
  const bytes = new TextEncoder().encode(`deployments:\n${text.join('')}`);
  return { outside, controller, desired, kinds, observed, bytes };
}

for (const [what, run] of [
  ['a plan', plan],
  ['an idle pass', idlePass],
  ['reading the file', read],
] as const)
  describe(what, () => {
    for (const [size, world] of worlds)
      bench(`${what}, ${size} deployments`, async () => void (await run(world)), { time: 1000 });
  });

type World = Awaited<ReturnType<typeof worldOf>>;

function plan({ kinds, desired, observed, outside }: World) {
  return makePlan(kinds, desired, observed, rulesIn(outside));
}

function idlePass({ controller, desired }: World) {
  return controller.pass(desired);
}

function read({ bytes }: World) {
  return parseManifest(bytes, rules);
}
