import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { State } from '../../controller/clients/types.ts';
import { left } from '../support/berth.ts';
import { appService, dockerApp } from '../support/deploy-apps.ts';
import { askAllTheTime, type DeployWorld, deployWorld } from '../support/deploy-world.ts';
import { freePort } from '../support/free-port.ts';

let world: DeployWorld;

beforeAll(async () => {
  world = await deployWorld();
});

afterAll(() => world?.end());

const app = (version: string, fields: Readonly<Record<string, unknown>> = {}) =>
  appService(world.image, version, fields);

test('replicas share the visitors; one that is killed is replaced and no GET fails', async () => {
  await world.deploy({ dmany: app('v1', { replicas: 2 }) });
  const names = async () => (await world.containers('dmany')).map(({ Name }) => Name);
  const before = await names();
  expect(before).toHaveLength(2);
  await shared('dmany.localhost');

  const visitor = askAllTheTime(world.berth, 'dmany.localhost');
  await world.haltByHand((await world.containers('dmany'))[0], 'remove');
  await shared('dmany.localhost');
  await world.haltByHand((await world.containers('dmany'))[0], 'kill');
  const { asked, failed } = await visitor.stop();
  expect(failed).toEqual([]);
  expect(asked).toBeGreaterThan(20);
  expect((await names()).sort()).toEqual([...before].sort());

  await world.deploy({ dmany: app('v1', { replicas: 1 }) });
  expect([await world.body('dmany.localhost'), (await names()).length]).toEqual(['v1 /', 1]);
});

test('a suspended deployment shows a page and has no running container, and comes back', async () => {
  const port = await freePort();
  const entry = app('v1', { port, volumes: { data: '/data' } });
  await world.deploy({ drest: entry });
  await world.body('drest.localhost', '/keep?word=one');
  const { Id } = await world.container('drest');

  await world.deploy({ drest: { ...entry, suspend: true } });
  expect(await world.berth.get('drest.localhost')).toMatchObject({
    status: 503,
    body: expect.stringMatching(/stopped/i),
  });
  expect((await world.container('drest')).State.Running).toBe(false);
  expect(world.berth.status('drest')).toMatchObject({ status: 'stopped' });

  await world.deploy({ drest: entry });
  expect(await world.body('drest.localhost', '/kept')).toBe('one');
  expect(await world.body('localhost', '/', port)).toBe('v1 /');
  expect((await world.container('drest')).Id).toBe(Id);
});

test('a deployment that leaves the file leaves nothing, and its receipt names each thing', async () => {
  const { berth } = world;
  const repo = world.repo('gone');
  repo.commit(dockerApp(world.image, 'v1'));
  const port = await freePort();
  const entry = {
    services: {
      web: { repo: repo.url, port },
      db: app('data', { volumes: { data: '/data' }, listen: 5000 }),
    },
    routes: { '/': 'web' },
  };
  const neighbour = { dstay: app('stays') };
  await world.deploy({ dgone: entry, ...neighbour });
  const { Id } = await world.container('dstay');
  const keys = (await world.containers('dgone')).map(({ Name }) => Name.slice(1));
  const ports = (await stateOf()).ports.filter(({ deployment }) => deployment === 'dgone');
  const image = (await world.container('dgone', 'web')).Config.Image;
  expect(ports.map(({ port: row }) => row)).toContain(port);

  const commit = await world.write(neighbour);
  await berth.converged();
  const receipt = (await stateOf()).receipts.find(({ deployment }) => deployment === 'dgone');
  expect(receipt).toMatchObject({ deployment: 'dgone', commit });
  expect([...(receipt?.removed ?? [])].sort()).toEqual(
    [
      ...keys.map((key) => `instance ${key}`),
      ...ports.map((row) => `port ${row.port}`),
      `image ${image}`,
      'logs dgone',
      'network berth-dgone',
      'vhost dgone',
      'volume berth-dgone-data',
    ].sort(),
  );
  const found = await left(berth.owner, berth.dataDir);
  expect(found.filter((line) => line.includes('dgone'))).toEqual([]);
  await expect(berth.get('localhost', '/', port)).rejects.toThrow('ECONNREFUSED');
  expect((await berth.get('dgone.localhost')).body).not.toContain('v1');
  expect([await world.body('dstay.localhost'), (await world.container('dstay')).Id]).toEqual(['stays /', Id]);

  await berth.git('revert', '--no-edit', 'HEAD');
  await berth.converged();
  expect(await world.body('dgone.localhost')).toBe('v1 /');
});

/** Waits until visitors are led to two containers, to each about as often. */
async function shared(hostname: string): Promise<void> {
  const share = async (): Promise<number> => {
    const hosts: string[] = [];
    for (let turn = 0; turn < 20; turn += 1)
      hosts.push(JSON.parse(await world.body(hostname, '/env')).HOSTNAME);
    return hosts.filter((host) => host === hosts[0]).length;
  };
  await expect.poll(async () => Math.abs((await share()) - 10), { timeout: 10_000 }).toBeLessThan(5);
}

async function stateOf(): Promise<State> {
  return JSON.parse(await readFile(join(world.berth.dataDir, 'state.json'), 'utf8'));
}
