/** What must hold in the small world: always, and once it has come to rest. */

import { instanceKeys } from '../../controller/core/service-view.ts';
import type { Desired } from '../../controller/core/types.ts';
import { type Controller, KEEP_IMAGES, startController } from './controller.ts';
import { edgeAlways, edgeAtRest, foreignEdge } from './edge-check.ts';
import { advance, answers, behaviourOf, isUp, ledTo, type Outside } from './world.ts';

/** Passes with the clock moving, until two in a row have nothing to do. Returns undefined when it never rests. */
export async function settle(
  outside: Outside,
  desired: Desired,
  controller: Controller,
  approved: readonly string[] = [],
): Promise<number | undefined> {
  let quiet = 0;
  for (let pass = 1; pass <= 120; pass += 1) {
    const before = controller.effects.length;
    await controller.pass(desired, { approved });
    const waiting = controller.effects.length === before;
    quiet = waiting ? quiet + 1 : 0;
    // Longer than any single wait of this world: build, stop, drain and old workers, health, backoff.
    if (quiet >= 25) return pass;
    advance(outside, 1000);
  }
  return undefined;
}

/** Never wrong, at any moment. */
export function always(outside: Outside, seed: Foreign): readonly string[] {
  const wrong: string[] = [];
  const up = [...outside.containers.values()].filter(isUp);
  const ports = up.flatMap(({ row }) => (row.port === undefined ? [] : [row.port]));
  if (new Set(ports).size !== ports.length) wrong.push(`a port is used twice: ${ports.join(' ')}`);
  const rows = outside.state.ports.map(({ port }) => port);
  if (new Set(rows).size !== rows.length) wrong.push(`a port has two rows: ${rows.join(' ')}`);
  if (JSON.stringify(foreign(outside)) !== JSON.stringify(seed)) wrong.push('something foreign was changed');
  return [...wrong, ...edgeAlways(outside)];
}

export type Foreign = readonly unknown[];

/** Everything in the world that is not ours. */
export function foreign(outside: Outside): Foreign {
  return [
    [...outside.containers].filter(([, { row }]) => row.deployment === ''),
    [...outside.images].filter(([, { deployment }]) => deployment === ''),
    [...outside.files].filter(([, text]) => !text.startsWith('# berth owner=sim ')),
    foreignEdge(outside),
  ];
}

/** At rest the world is what the file asks for, visitors reach whatever answers, and a pass writes nothing. */
export async function atRest(outside: Outside, desired: Desired): Promise<readonly string[]> {
  const wrong: string[] = [...outside.lost, ...leftOf(outside, desired), ...edgeAtRest(outside, desired)];
  for (const deployment of desired.deployments)
    wrong.push(...atRestOne(outside, deployment), ...thingsOf(outside, deployment));
  const controller = startController(outside);
  await controller.pass(desired);
  if (controller.effects.length > 0)
    wrong.push(`at rest, a new controller did: ${controller.effects.join(', ')}`);
  return wrong;
}

/** What is there of deployments that are not in the file. */
function leftOf(outside: Outside, desired: Desired): readonly string[] {
  const own = desired.ownVhosts?.map(({ deployment }) => deployment) ?? [];
  const present = new Set([...desired.deployments.map(({ name }) => name), ...desired.stalled, ...own]);
  const owned = [
    ...[...outside.containers.values()].map(({ row }) => ['container', row.deployment]),
    ...[...outside.images.values()].map(({ deployment }) => ['image', deployment]),
    ...[...outside.networks.values()].map((deployment) => ['network', deployment]),
    ...[...outside.volumes.values()].map(({ deployment }) => ['volume', deployment]),
    ...[...outside.files]
      .filter(([, text]) => text.startsWith('# berth owner=sim '))
      .map(([name]) => ['vhost', name]),
    ...outside.state.ports.map(({ deployment }) => ['port', deployment]),
    ...outside.state.failures.map(({ deployment }) => ['failure', deployment]),
    ...outside.state.givenUp.map(({ deployment }) => ['given up', deployment]),
    ...[...outside.logs].map((deployment) => ['logs', deployment]),
  ];
  return owned
    .filter(([, deployment = '']) => deployment !== '' && !present.has(deployment))
    .map(([what, deployment]) => `${what} of ${deployment} is left`);
}

type Deployment = Desired['deployments'][number];

function works(deployment: Deployment, name: string): boolean {
  const service = deployment.services.find((one) => one.name === name);
  const behaviour = behaviourOf(service?.version?.image.key ?? '');
  const good = service?.version !== undefined && (behaviour === 'good' || behaviour === 'slow');
  return good && service.needs.every((need) => works(deployment, need));
}

/** What the history itself made deaf or killed may rightly be given up, and then the older version stays, with its volume. */
function isExcused(outside: Outside, deployment: Deployment): boolean {
  return [...outside.containers.values()].some(
    ({ row, hurt }) =>
      hurt && row.deployment === deployment.name && outside.state.givenUp.some(({ key }) => key === row.key),
  );
}

function atRestOne(outside: Outside, deployment: Deployment): readonly string[] {
  const wrong: string[] = [];
  const excused = isExcused(outside, deployment);
  for (const service of deployment.services) {
    const keys = instanceKeys(deployment.name, service);
    const mine = [...outside.containers.values()].filter(
      ({ row }) => row.deployment === deployment.name && row.service === service.name,
    );
    const answering = mine.filter((container) => answers(outside, container)).map(({ row }) => row.key);
    const name = `${deployment.name}/${service.name}`;
    if (deployment.suspend && service.version) {
      if (answering.length > 0) wrong.push(`${name} is suspended and runs`);
      continue;
    }
    if (!excused && works(deployment, service.name) && String(answering.sort()) !== String([...keys].sort()))
      wrong.push(`${name}: ${answering.join(' ') || 'nothing'} answers, not ${keys.join(' ')}`);
    if (!service.routed || deployment.suspend) continue;
    const led = ledTo(outside, deployment.name)[service.name] ?? [];
    // One from the time when its service was internal has no port that nginx could lead to.
    const reachable = answering.filter((key) => outside.containers.get(key)?.row.port !== undefined);
    if (reachable.length > 0 && !led.some((key) => reachable.includes(key)))
      wrong.push(`${name}: ${answering.join(' ')} answers, visitors get ${led}`);
    const { pinnedPort: pin = 0 } = service;
    const pinned = outside.live?.get(deployment.name)?.includes(`127.0.0.1:${pin};`);
    if (pin > 0 && pinned === outside.foreignPorts.has(pin))
      wrong.push(`${name}: nginx ${pinned ? 'holds' : 'does not hold'} the pinned port ${pin}`);
  }
  return wrong;
}

/** Rows, images and volumes at rest: one row for each port that is held, no more images than are kept. */
function thingsOf(outside: Outside, deployment: Deployment): readonly string[] {
  const wrong: string[] = [];
  const mine = [...outside.containers.values()].filter(({ row }) => row.deployment === deployment.name);
  const rows = outside.state.ports.filter((row) => row.deployment === deployment.name);
  for (const { row } of mine)
    if (
      row.port !== undefined &&
      !rows.some(({ port, instance }) => port === row.port && instance === row.key)
    )
      wrong.push(`${row.key} holds port ${row.port} without a row`);
  for (const { port, instance } of rows)
    if (instance !== '' && !mine.some(({ row }) => row.key === instance))
      wrong.push(`port ${port} is kept for ${instance}, which is not there`);

  const known = deployment.services.every(({ version }) => version);
  const allWork = deployment.services.every(({ name }) => works(deployment, name));
  if (!known) return wrong;
  const needed = new Set([
    ...mine.map(({ row }) => row.image),
    ...deployment.services.map(({ version }) => version?.image.key),
  ]);
  for (const service of [...deployment.services.map(({ name }) => name), 'nobody']) {
    const known = deployment.services.some(({ name }) => name === service);
    const spare = [...outside.images].filter(
      ([key, image]) =>
        image.deployment === deployment.name &&
        !needed.has(key) &&
        (known ? image.service === service : !deployment.services.some(({ name }) => name === image.service)),
    );
    if (spare.length > (known ? KEEP_IMAGES : 0)) wrong.push(`images are left: ${spare.map(([key]) => key)}`);
  }
  const volumes = [...outside.volumes].filter(([, have]) => have.deployment === deployment.name).length;
  if (
    allWork &&
    !isExcused(outside, deployment) &&
    !deployment.suspend &&
    volumes !== deployment.volumes.length
  )
    wrong.push(`${deployment.name} has ${volumes} volumes, not ${deployment.volumes.length}`);
  return wrong;
}
