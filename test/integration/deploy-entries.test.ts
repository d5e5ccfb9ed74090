import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { appService } from '../support/deploy-apps.ts';
import { type DeployWorld, deployWorld } from '../support/deploy-world.ts';

let world: DeployWorld;

beforeAll(async () => {
  world = await deployWorld();
});

afterAll(() => world?.end());

const app = (version: string, fields: Readonly<Record<string, unknown>> = {}) =>
  appService(world.image, version, fields);

const idsOf = async (...deployments: readonly string[]): Promise<readonly string[]> =>
  (await Promise.all(deployments.map((name) => world.container(name)))).map(({ Id }) => Id);

test('an entry that is wrong stalls alone: what runs of it stays, the others converge', async () => {
  await world.deploy({ done: app('v1'), dtwo: app('v1') });
  const [one] = await idsOf('done');
  await world.deploy({ done: app('v2', { replicas: 'many' }), dtwo: app('v2'), dthree: app('v1') });
  expect(world.berth.status('done')).toMatchObject({
    status: 'failed',
    stage: 'file',
    error: expect.stringMatching(/^deployments\.yaml:\d+:\d+ deployments\/done\/replicas: /),
  });
  const bodies = ['done', 'dtwo', 'dthree'].map((name) => world.body(`${name}.localhost`));
  expect(await Promise.all(bodies)).toEqual(['v1 /', 'v2 /', 'v1 /']);
  expect(await idsOf('done')).toEqual([one]);

  // Its container is not brought back either: nobody knows what it should be.
  await world.deploy({ done: app('v2'), dtwo: app('v2') });
  expect(await world.body('done.localhost')).toBe('v2 /');
  expect(await world.containers('dthree')).toEqual([]);
});

test('two entries that claim one hostname both stall, and the one that runs goes on serving', async () => {
  await world.deploy({ done: app('v1') });
  const before = await idsOf('done');
  await world.deploy({ done: app('v2'), dthief: app('thief', { subdomain: 'done' }) });
  for (const name of ['done', 'dthief']) {
    const status = { status: 'failed', error: expect.stringMatching(/done\.localhost is claimed by/) };
    expect(world.berth.status(name)).toMatchObject(status);
  }
  expect([await world.body('done.localhost'), await idsOf('done')]).toEqual(['v1 /', before]);
  expect(await world.containers('dthief')).toEqual([]);
});

test.each([
  ['has a syntax error', 'deployments: [\n'],
  ['has a duplicate key', 'deployments: {}\ndeployments: {}\n'],
  ['is empty', ''],
  ['is deleted', null],
])('a file that %s changes nothing, across a restart too', async (_, text) => {
  const { berth } = world;
  await world.deploy({ done: app('v1') });
  const before = await idsOf('done');
  const effects = berth.effects.length;

  const commit = await berth.commit({ 'deployments.yaml': text });
  await berth.until('the bad file is told', ({ desired }) => wholeFile(desired) !== undefined);
  const { desired } = await berth.converged();
  expect(wholeFile(desired)).toMatch(/deployments\.yaml/);
  expect(desired?.commit).not.toBe(commit);
  await berth.restart();
  await berth.until('the bad file is told again', (report) => wholeFile(report.desired) !== undefined);
  await berth.converged();

  expect([await world.body('done.localhost'), await idsOf('done')]).toEqual(['v1 /', before]);
  expect(berth.effects.slice(effects)).toEqual([]);
  expect(berth.status('done')).toMatchObject({ status: 'running' });
});

test('while the file is bad, what the last good one asks for is still kept up', async () => {
  const { berth } = world;
  await world.deploy({ done: app('v1') });
  await berth.commit({ 'deployments.yaml': 'deployments: [\n' });
  await berth.until('the bad file is told', ({ desired }) => wholeFile(desired) !== undefined);
  await world.haltByHand(await world.container('done'), 'remove');
  expect(await world.body('done.localhost')).toBe('v1 /');

  await berth.commit({ 'deployments.yaml': stringify({ deployments: { done: app('v2') } }) });
  await berth.converged();
  expect(await world.body('done.localhost')).toBe('v2 /');
});

function wholeFile(
  desired: { readonly problems: readonly { deployment: string; message: string }[] } | undefined,
): string | undefined {
  return desired?.problems.find(({ deployment }) => deployment === '')?.message;
}
