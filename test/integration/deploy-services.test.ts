import { afterAll, beforeAll, expect, test } from 'vitest';
import { appService } from '../support/deploy-apps.ts';
import { askAllTheTime, type DeployWorld, deployWorld, envOf, post } from '../support/deploy-world.ts';
import { freePort } from '../support/free-port.ts';

let world: DeployWorld;

beforeAll(async () => {
  world = await deployWorld();
});

afterAll(() => world?.end());

const app = (version: string, fields: Readonly<Record<string, unknown>> = {}) =>
  appService(world.image, version, fields);

test('two services share a hostname by path, and `strip` takes the prefix away', async () => {
  const services = { web: app('front'), api: app('back') };
  const twoPaths = async () => [
    await world.body('dpair.localhost', '/api/items?all=1'),
    await world.body('dpair.localhost', '/apix'),
  ];
  await world.deploy({ dpair: { services, routes: { '/': 'web', '/api/': 'api' } } });
  expect(await twoPaths()).toEqual(['back /api/items?all=1', 'front /apix']);
  const before = (await world.containers('dpair')).map(({ Id }) => Id);

  await world.deploy({
    dpair: { services, routes: { '/': 'web', '/api/': { service: 'api', strip: true } } },
  });
  expect(await twoPaths()).toEqual(['back /items?all=1', 'front /apix']);
  await world.deploy({ dpair: { services, routes: { '/': 'api', '/api/': 'web' } } });
  expect(await twoPaths()).toEqual(['front /api/items?all=1', 'back /apix']);
  expect((await world.containers('dpair')).map(({ Id }) => Id)).toEqual(before);
});

test('a service that leaves the entry ends after the requests that are under way', async () => {
  const services = { web: app('front'), old: app('old') };
  await world.deploy({ dleave: { services, routes: { '/': 'web', '/old/': 'old' } } });
  const slow = world.body('dleave.localhost', '/old/slow?ms=2000');
  await world.deploy({ dleave: { services: { web: app('front') }, routes: { '/': 'web' } } });
  expect(await slow).toBe('old /old/slow?ms=2000');
  expect(await world.body('dleave.localhost', '/old/x')).toBe('front /old/x');
  expect(await world.containers('dleave')).toHaveLength(1);
});

test('another subdomain moves the site without touching the container', async () => {
  await world.deploy({ dmove: app('v1') });
  const { Id } = await world.container('dmove');
  await world.deploy({ dmove: { ...app('v1'), subdomain: 'dmoved', hosts: ['dmoved.example'] } });
  expect(await world.body('dmoved.localhost')).toBe('v1 /');
  expect(await world.body('dmoved.example')).toBe('v1 /');
  expect(await world.body('dmove.localhost')).toMatch(/no site of this name/);
  expect((await world.container('dmove')).Id).toBe(Id);
});

test('headers and the size of a request are set without touching the container', async () => {
  await world.deploy({ dhead: app('v1') });
  const { Id } = await world.container('dhead');
  expect(await post(world.berth, 'dhead.localhost', 2_000_000)).toBe('200 2000000');
  await world.deploy({ dhead: { ...app('v1'), headers: { 'X-Frame-Options': 'DENY' }, maxBody: '1m' } });
  expect((await world.berth.get('dhead.localhost')).headers).toMatchObject({ 'x-frame-options': 'DENY' });
  expect(await post(world.berth, 'dhead.localhost', 2_000_000)).toMatch(/^413 /);
  expect((await world.container('dhead')).Id).toBe(Id);
});

test('the container gets exactly the env of the file and PORT, and is closed in', async () => {
  const text = ' two\nlines, "quotes", $HOME, \\n and é ';
  const env = { TEXT: text, EMPTY: '', NUMBER: 42, YES: true };
  const limits = { resources: { memory: '64m', pids: 50, cpus: 0.5 } };
  await world.deploy({ denv: app('v1', { env, listen: 8123, ...limits }) });
  const seen = JSON.parse(await world.body('denv.localhost', '/env'));
  expect(seen).toMatchObject({
    TEXT: text,
    EMPTY: '',
    NUMBER: '42',
    YES: 'true',
    PORT: '8123',
    VERSION: 'v1',
  });

  const container = await world.container('denv');
  expect(envOf(container)).toMatchObject({ TEXT: text, PORT: '8123' });
  expect(JSON.stringify(container.Config.Labels)).not.toMatch(/two|lines|quotes/);
  const { HostConfig, NetworkSettings } = container;
  expect(HostConfig).toMatchObject({
    Memory: 64 * 1024 ** 2,
    MemorySwap: 64 * 1024 ** 2,
    PidsLimit: 50,
    NanoCpus: 500_000_000,
    SecurityOpt: ['no-new-privileges'],
    Privileged: false,
    RestartPolicy: { Name: 'unless-stopped' },
  });
  const published = Object.values(NetworkSettings.Ports).flatMap((bindings) => bindings ?? []);
  expect(published.map(({ HostIp }) => HostIp)).toEqual(['127.0.0.1']);
  expect(world.berth.log.join('\n')).not.toContain('two\\nlines');

  await world.deploy({ denv: app('v1', { env: { ...env, NUMBER: 43 }, listen: 8123, ...limits }) });
  expect(JSON.parse(await world.body('denv.localhost', '/env'))).toMatchObject({ NUMBER: '43', TEXT: text });
});

test('a service starts after what it needs, reaches it by name, and other deployments can not', async () => {
  const services = {
    web: app('front', { needs: ['api'] }),
    api: app('back', { needs: ['db'], listen: 4000 }),
    db: app('data', { listen: 5000 }),
  };
  await world.deploy({ dnear: { services, routes: { '/': 'web' } }, dfar: app('stranger') });
  const started = new Map(
    (await world.containers('dnear')).map(({ Config, State }) => [
      Config.Labels['berth.service'],
      State.StartedAt,
    ]),
  );
  const order = [...started].sort(([, a], [, b]) => (a < b ? -1 : 1)).map(([service]) => service);
  expect(order).toEqual(['db', 'api', 'web']);

  const ask = (hostname: string, url: string) => world.body(hostname, `/ask?url=${encodeURIComponent(url)}`);
  expect(await ask('dnear.localhost', 'http://api:4000/x')).toBe('back /x');
  expect(await ask('dnear.localhost', 'http://db:5000/y')).toBe('data /y');
  const db = await world.container('dnear', 'db');
  const address = db.NetworkSettings.Networks['berth-dnear']?.IPAddress;
  expect(db.NetworkSettings.Ports).toEqual({ '5000/tcp': null });
  expect(await ask('dfar.localhost', 'http://api:4000/')).toBe('no answer');
  expect(await ask('dfar.localhost', `http://${address}:5000/`)).toBe('no answer');
});

test('a pinned port answers without a gap through redeploys, and a second one can be added', async () => {
  const [port, other] = [await freePort(), await freePort()];
  await world.deploy({ dpin: app('v0', { port }) });
  const visitor = askAllTheTime(world.berth, 'localhost', { port });
  const seen = new Set<string>();
  for (const version of ['v1', 'v2', 'v3']) {
    await world.deploy({ dpin: app(version, { port }) });
    expect(await world.body('localhost', '/', port)).toBe(`${version} /`);
    seen.add((await world.container('dpin')).Id);
  }
  const { asked, failed } = await visitor.stop();
  expect([failed, seen.size]).toEqual([[], 3]);
  expect(asked).toBeGreaterThan(100);

  await world.deploy({ dpin: app('v3', { port: other }) });
  expect(await world.body('localhost', '/', other)).toBe('v3 /');
  await expect(world.berth.get('localhost', '/', port)).rejects.toThrow('ECONNREFUSED');
});

test('an internal service with a pinned port is published there, whatever version runs', async () => {
  const port = await freePort();
  const entry = (version: string) => ({
    services: { web: app('front'), db: app(version, { port, listen: 5432 }) },
    routes: { '/': 'web' },
  });
  await world.deploy({ dbase: entry('one') });
  expect(await world.body('localhost', '/', port)).toBe('one /');
  await world.deploy({ dbase: entry('two') });
  expect(await world.body('localhost', '/', port)).toBe('two /');
  expect((await world.container('dbase', 'db')).NetworkSettings.Ports).toEqual({
    '5432/tcp': [{ HostIp: '127.0.0.1', HostPort: String(port) }],
  });
});
