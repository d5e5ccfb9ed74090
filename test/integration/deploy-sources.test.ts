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

const buildsOf = async (deployment: string): Promise<number> =>
  (await readdir(join(world.berth.dataDir, 'logs', deployment, 'web'))).length;

test('a repo with a Dockerfile is built and served at its hostname', async () => {
  const repo = world.repo('paper');
  const commit = repo.commit(dockerApp(world.image, 'v1'));
  await world.deploy({ dpaper: { repo: repo.url } });
  expect(await world.berth.get('dpaper.localhost', '/a?b=c')).toMatchObject({
    status: 200,
    body: 'v1 /a?b=c',
  });
  expect((await world.container('dpaper')).Config.Labels).toMatchObject({ 'berth.commit': commit });
  expect(world.berth.status('dpaper')).toMatchObject({ status: 'running' });
});

test('a Node app without a Dockerfile gets its npm dependency', async () => {
  const repo = world.repo('shop');
  const server = `require('http').createServer((_, r) => r.end(require('ms')('2 days') + ' ms')).listen(process.env.PORT)`;
  const packageJson = { scripts: { start: 'node server.js' }, dependencies: { ms: '2.1.3' } };
  repo.commit({ 'package.json': JSON.stringify(packageJson), 'server.js': server });
  await world.deploy({ dshop: { repo: repo.url } });
  expect(await world.body('dshop.localhost')).toBe('172800000 ms');
});

test('a directory of files is served as they are', async () => {
  const repo = world.repo('site');
  repo.commit({ 'public/index.html': '<h1>hello</h1>', 'public/a/b.css': 'b{}', 'secret.txt': 'x' });
  await world.deploy({ dsite: { repo: repo.url, path: 'public' } });
  const page = await world.berth.get('dsite.localhost');
  expect([page.body, page.headers['content-type']]).toEqual(['<h1>hello</h1>', 'text/html;charset=utf-8']);
  expect(await world.body('dsite.localhost', '/a/b.css')).toBe('b{}');
  expect(await world.berth.get('dsite.localhost', '/secret.txt')).toMatchObject({ status: 404 });
});

test('an image that is on this machine is run as it is', async () => {
  await world.deploy({ dready: appService(world.image, 'ready') });
  expect(await world.body('dready.localhost')).toBe('ready /');
});

test('a push is found by a poll and replaces what runs; one that leaves `path` alone touches nothing', async () => {
  const repo = world.repo('mono');
  const at = (version: string, readme: string) => ({
    'app/Dockerfile': dockerApp(world.image, version).Dockerfile ?? '',
    'app/server.js': dockerApp(world.image, version)['server.js'] ?? '',
    'README.md': readme,
  });
  repo.commit(at('v1', 'one'));
  await world.deploy({ dmono: { repo: repo.url, path: 'app' } });
  const first = await world.container('dmono');

  await world.found('dmono', repo.commit(at('v2', 'one')));
  const second = await world.container('dmono');
  expect([await world.body('dmono.localhost'), second.Id === first.Id]).toEqual(['v2 /', false]);

  const before = world.berth.effects.length;
  await world.found('dmono', repo.commit(at('v2', 'two')));
  expect(await world.container('dmono')).toMatchObject({
    Id: second.Id,
    RestartCount: 0,
    State: { StartedAt: second.State.StartedAt },
  });
  expect(world.berth.effects.slice(before).filter((effect) => /^(engine|nginx|build)/.test(effect))).toEqual(
    [],
  );
});

test('another branch, a tag, a moved tag and a commit are each followed', async () => {
  const repo = world.repo('refs');
  const v1 = repo.commit(dockerApp(world.image, 'v1'));
  const v2 = repo.commit(dockerApp(world.image, 'v2'), { branch: 'next' });
  repo.tag('stable', v1);
  const entry = { repo: repo.url };

  await world.deploy({ drefs: entry });
  expect(await world.body('drefs.localhost')).toBe('v1 /');
  await world.deploy({ drefs: { ...entry, branch: 'next' } });
  expect(await world.body('drefs.localhost')).toBe('v2 /');
  await world.deploy({ drefs: { ...entry, tag: 'stable' } });
  expect(await world.body('drefs.localhost')).toBe('v1 /');
  repo.git('tag', '--force', 'stable', v2);
  await world.found('drefs', v2);
  expect(await world.body('drefs.localhost')).toBe('v2 /');
  await world.deploy({ drefs: { ...entry, commit: v1 } });
  expect(await world.body('drefs.localhost')).toBe('v1 /');
  expect(await buildsOf('drefs')).toBe(2);
});

test('a branch that was force-pushed is followed', async () => {
  const repo = world.repo('forced');
  repo.commit(dockerApp(world.image, 'v1'));
  await world.deploy({ dforced: { repo: repo.url } });
  await world.found('dforced', repo.commit(dockerApp(world.image, 'rewritten'), { orphan: true }));
  expect(await world.body('dforced.localhost')).toBe('rewritten /');
});

test('while its Git server is down a deployment goes on, across a restart too, and its status says so', async () => {
  const { berth, server } = world;
  const repo = world.repo('outage');
  repo.commit(dockerApp(world.image, 'v1'));
  await world.deploy({ doutage: { repo: repo.url } });
  const { Id } = await world.container('doutage');
  const effects = berth.effects.length;
  const told = () => berth.status('doutage')?.error?.includes('outage') ?? false;
  server.fault = 'server error';
  try {
    await berth.until('the outage is told', told, 20_000);
    await berth.restart();
    await berth.until('the outage is told again', told, 20_000);
    await berth.converged();
    expect([await world.body('doutage.localhost'), (await world.container('doutage')).Id]).toEqual([
      'v1 /',
      Id,
    ]);
    expect(berth.effects.slice(effects)).toEqual([]);
  } finally {
    server.fault = undefined;
  }
  await world.found('doutage', repo.commit(dockerApp(world.image, 'v2')));
  expect([berth.status('doutage')?.status, await world.body('doutage.localhost')]).toEqual([
    'running',
    'v2 /',
  ]);
});

test('a `git revert` brings the older version back and builds nothing', async () => {
  const { berth } = world;
  const entry = (version: string) => ({
    'deployments.yaml': 'deployments:\n  dback: { repo: ., path: back }\n',
    ...Object.fromEntries(
      Object.entries(dockerApp(world.image, version)).map(([name, text]) => [`back/${name}`, text]),
    ),
  });
  await berth.commit(entry('v1'));
  await berth.converged();
  await berth.commit(entry('v2'));
  await berth.converged();
  expect(await world.body('dback.localhost')).toBe('v2 /');

  const before = berth.effects.length;
  await berth.git('revert', '--no-edit', 'HEAD');
  await berth.converged();
  expect(await world.body('dback.localhost')).toBe('v1 /');
  expect(berth.effects.slice(before).filter((effect) => /^(engine\.)?build/.test(effect))).toEqual([]);
});
