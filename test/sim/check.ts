/** What must hold in the small world: always, and once it has come to rest. */

import { instanceKeys } from '../../controller/core/service-view.ts';
import type { Desired } from '../../controller/core/types.ts';
import { type Controller, startController } from './controller.ts';
import { advance, answers, behaviourOf, ledTo, type Outside } from './world.ts';

/** Passes with the clock moving, until two in a row have nothing to do. Returns undefined when it never rests. */
export async function settle(
  outside: Outside,
  desired: Desired,
  controller: Controller,
): Promise<number | undefined> {
  let quiet = 0;
  for (let pass = 1; pass <= 80; pass += 1) {
    const before = controller.effects.length;
    await controller.pass(desired);
    const waiting = controller.effects.length === before;
    quiet = waiting ? quiet + 1 : 0;
    // Longer than any single wait of this world: build, stop, drain, health, backoff.
    if (quiet >= 25) return pass;
    advance(outside, 1000);
  }
  return undefined;
}

/** Never wrong, at any moment. */
export function always(outside: Outside, seed: Foreign): readonly string[] {
  const wrong: string[] = [];
  const up = [...outside.containers.values()].filter(
    ({ row }) => row.state !== 'exited' && row.state !== 'created',
  );
  const ports = up.flatMap(({ row }) => (row.port === undefined ? [] : [row.port]));
  if (new Set(ports).size !== ports.length) wrong.push(`a port is used twice: ${ports.join(' ')}`);
  const rows = outside.state.ports.map(({ port }) => port);
  if (new Set(rows).size !== rows.length) wrong.push(`a port has two rows: ${rows.join(' ')}`);
  if (JSON.stringify(foreign(outside)) !== JSON.stringify(seed)) wrong.push('something foreign was changed');
  return wrong;
}

export type Foreign = readonly unknown[];

/** Everything in the world that is not ours. */
export function foreign(outside: Outside): Foreign {
  return [
    [...outside.containers].filter(([, { row }]) => row.deployment === ''),
    [...outside.images].filter(([, { deployment }]) => deployment === ''),
    [...outside.files].filter(([, text]) => !text.startsWith('# berth owner=sim ')),
  ];
}

/** At rest the world is what the file asks for, visitors reach whatever answers, and a pass writes nothing. */
export async function atRest(outside: Outside, desired: Desired): Promise<readonly string[]> {
  const wrong: string[] = [];
  const present = new Set([...desired.deployments.map(({ name }) => name), ...desired.stalled]);
  const owned = [
    ...[...outside.containers.values()].map(({ row }) => ['container', row.deployment]),
    ...[...outside.images.values()].map(({ deployment }) => ['image', deployment]),
    ...[...outside.networks.values()].map((deployment) => ['network', deployment]),
    ...[...outside.volumes.values()].map((deployment) => ['volume', deployment]),
    ...[...outside.files]
      .filter(([, text]) => text.startsWith('# berth owner=sim '))
      .map(([name]) => ['vhost', name]),
    ...outside.state.ports.map(({ deployment }) => ['port', deployment]),
    ...outside.state.failures.map(({ deployment }) => ['failure', deployment]),
    ...outside.state.givenUp.map(({ deployment }) => ['given up', deployment]),
    ...[...outside.logs].map((deployment) => ['logs', deployment]),
  ];
  for (const [what, deployment = ''] of owned)
    if (deployment !== '' && !present.has(deployment)) wrong.push(`${what} of ${deployment} is left`);

  for (const deployment of desired.deployments) wrong.push(...atRestOne(outside, deployment));
  const controller = startController(outside);
  await controller.pass(desired);
  if (controller.effects.length > 0)
    wrong.push(`at rest, a new controller did: ${controller.effects.join(', ')}`);
  return wrong;
}

function atRestOne(outside: Outside, deployment: Desired['deployments'][number]): readonly string[] {
  const wrong: string[] = [];
  for (const service of deployment.services) {
    const keys = instanceKeys(deployment.name, service);
    const mine = [...outside.containers.values()].filter(
      ({ row }) => row.deployment === deployment.name && row.service === service.name,
    );
    const answering = mine.filter((container) => answers(outside, container)).map(({ row }) => row.key);
    const behaviour = behaviourOf(service.version?.image.key ?? '');
    const works = behaviour === 'good' || behaviour === 'slow';
    const need = deployment.services.filter(({ name }) => service.needs.includes(name));
    const mayRun = need.every(({ version }) => behaviourOf(version?.image.key ?? '') === 'good');
    const name = `${deployment.name}/${service.name}`;
    if (deployment.suspend) {
      if (answering.length > 0) wrong.push(`${name} is suspended and runs`);
      continue;
    }
    if (works && mayRun && String(answering.sort()) !== String([...keys].sort()))
      wrong.push(`${name}: ${answering.join(' ') || 'nothing'} answers, not ${keys.join(' ')}`);
    if (!service.routed) continue;
    const led = ledTo(outside, deployment.name)[service.name] ?? [];
    const reached = led.some((key) => answering.includes(key));
    if (answering.length > 0 && !reached)
      wrong.push(`${name}: ${answering.join(' ')} answers, visitors get ${led}`);
  }
  return wrong;
}
