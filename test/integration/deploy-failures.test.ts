import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { appService, dockerApp } from '../support/deploy-apps.ts';
import { type DeployWorld, deployWorld } from '../support/deploy-world.ts';

let world: DeployWorld;

beforeAll(async () => {
  world = await deployWorld();
});

afterAll(() => world?.end());

const app = (version: string, fields: Readonly<Record<string, unknown>> = {}) =>
  appService(world.image, version, fields);

const failed = (deployment: string) => world.berth.status(deployment);

test('a build that fails leaves the old version serving, and is not tried again before something of it changes', async () => {
  const repo = world.repo('build');
  const good = dockerApp(world.image, 'v1');
  const { Dockerfile, ...rest } = dockerApp(world.image, 'v2');
  const step = 'ARG MODULE\nRUN test -n "$MODULE" || { echo "cannot find the module" >&2; exit 7; }\n';
  const bad = { ...rest, Dockerfile: `${Dockerfile}${step}` };
  repo.commit(good);
  await world.deploy({ dbuild: { repo: repo.url } });
  await world.found('dbuild', repo.commit(bad));
  expect(failed('dbuild')).toMatchObject({
    status: 'failed',
    stage: 'build',
    error: expect.stringMatching(/cannot find the module/),
  });
  expect(await world.body('dbuild.localhost')).toBe('v1 /');

  // Neither a pass, nor a restart, nor a push elsewhere builds it again.
  const logs = () => readdir(join(world.berth.dataDir, 'logs', 'dbuild', 'web'));
  const before = await logs();
  await world.berth.restart();
  await world.found('dbuild', repo.commit(bad, { message: 'the same files' }));
  expect(await logs()).toEqual(before);
  expect(failed('dbuild')).toMatchObject({ status: 'failed', stage: 'build' });

  await world.deploy({ dbuild: { repo: repo.url, build: { args: { MODULE: 'here' } } } });
  expect(failed('dbuild')).toMatchObject({ status: 'running' });
  expect(await world.body('dbuild.localhost')).toBe('v2 /');
  expect(await logs()).toHaveLength(before.length + 1);
});

test('a version that ends at its start leaves the old one serving, and the status says what it said last', async () => {
  await world.deploy({ dcrash: app('v1') });
  const old = await world.container('dcrash');
  await world.deploy({ dcrash: app('v2', { env: { CRASH: 'db.example' } }) });
  expect(failed('dcrash')).toMatchObject({
    status: 'failed',
    stage: 'start',
    error: expect.stringMatching(/exited 5 times: .*no database at db\.example/),
  });
  expect(failed('dcrash')?.error).toContain('code 3');
  expect(await world.body('dcrash.localhost')).toBe('v1 /');
  const [first, second] = await world.containers('dcrash');
  expect(first).toMatchObject({ Id: old.Id, State: { Running: true, StartedAt: old.State.StartedAt } });
  expect(second).toMatchObject({ State: { Running: false } });

  await world.deploy({ dcrash: app('v3') });
  expect([failed('dcrash')?.status, await world.body('dcrash.localhost')]).toEqual(['running', 'v3 /']);
});

test('a version that never answers well leaves the old one serving, and the status says what it answered', async () => {
  const health = { timeout: '2s' };
  await world.deploy({ dsick: app('v1', { health }) });
  await world.deploy({ dsick: app('v2', { health, env: { SICK: '1' } }) });
  expect(failed('dsick')).toMatchObject({
    status: 'failed',
    stage: 'start',
    error: expect.stringMatching(/2 s.*500/),
  });
  expect(await world.body('dsick.localhost')).toBe('v1 /');
  await world.deploy({ dsick: app('v2', { health, env: { DEAF: '1' } }) });
  expect(failed('dsick')).toMatchObject({
    status: 'failed',
    error: expect.stringMatching(/was not ready within 2 s/),
  });
  expect(await world.body('dsick.localhost')).toBe('v1 /');

  // Back to what runs: nothing has to start.
  await world.deploy({ dsick: app('v1', { health }) });
  expect(failed('dsick')).toMatchObject({ status: 'running' });
  expect(await world.containers('dsick')).toHaveLength(1);
});

test('a first version that never answers leaves the page that says so', async () => {
  await world.deploy({ dnew: app('v1', { health: { timeout: '1s' }, env: { DEAF: '1' } }) });
  expect(failed('dnew')).toMatchObject({ status: 'failed', stage: 'start' });
  const page = await world.berth.get('dnew.localhost');
  expect([page.status, page.headers['retry-after']]).toEqual([503, '5']);
  expect(page.body).toMatch(/being deployed/i);
});

test('a volume keeps its data when its service is recreated', async () => {
  const kept = { volumes: { data: '/data' } };
  await world.deploy({ dkeep: app('v1', kept) });
  await world.body('dkeep.localhost', '/keep?word=one');
  await world.deploy({ dkeep: app('v2', kept) });
  expect([await world.body('dkeep.localhost'), await world.body('dkeep.localhost', '/kept')]).toEqual([
    'v2 /',
    'one',
  ]);
  expect(await world.containers('dkeep')).toHaveLength(1);
});

test('a recreated version that never answers is stopped, and the older one is started again', async () => {
  const fields = { strategy: 'recreate', volumes: { data: '/data' }, health: { timeout: '2s' } };
  await world.deploy({ dagain: app('v1', fields) });
  await world.body('dagain.localhost', '/keep?word=one');
  const old = await world.container('dagain');
  await world.deploy({ dagain: app('v2', { ...fields, env: { DEAF: '1' } }) });
  expect(failed('dagain')).toMatchObject({ status: 'failed', stage: 'start' });
  expect([await world.body('dagain.localhost'), await world.body('dagain.localhost', '/kept')]).toEqual([
    'v1 /',
    'one',
  ]);
  const running = (await world.containers('dagain')).filter(({ State }) => State.Running);
  expect(running.map(({ Id }) => Id)).toEqual([old.Id]);
});

test('a command that is not in the image leaves the old version serving', async () => {
  await world.deploy({ dword: app('v1') });
  await world.deploy({ dword: app('v2', { start: ['no-such-program'] }) });
  expect(failed('dword')).toMatchObject({
    status: 'failed',
    error: expect.stringMatching(/no-such-program/),
  });
  expect(await world.body('dword.localhost')).toBe('v1 /');
  await world.deploy({ dword: app('v3') });
  expect([failed('dword')?.status, await world.body('dword.localhost')]).toEqual(['running', 'v3 /']);
});
