/** What a person, a crash or a full cleaning of the machine breaks by hand is put back, and nothing else moves. */
import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findMaster } from '../../controller/clients/nginx/processes.ts';
import { type Berth, startBerth } from '../support/berth.ts';
import { containersOf, docker, identityOf } from '../support/docker.ts';
import { ECHO_APP } from '../support/load.ts';
import { tinyImage } from '../support/tiny-image.ts';
import { until } from '../support/until.ts';

/** The promise is 2 s on an idle machine; this one may be busy. */
const HEALED_WITHIN_MS = 15_000;

let berth: Berth;
let entries: Record<string, unknown> = {};
/** An image with a command of its own, as one that Berth did not build. */
let image = '';

beforeAll(async () => {
  image = await tinyImage();
  berth = await startBerth();
  entries = {
    lheal: { image, start: ECHO_APP, env: { VERSION: 'healed' } },
    lbuilt: { repo: '.', path: 'lbuilt', env: { VERSION: 'built' } },
    lquiet: { image, start: ECHO_APP, env: { VERSION: 'quiet' } },
  };
  await berth.commit({
    'deployments.yaml': JSON.stringify({ deployments: entries }),
    'lbuilt/Dockerfile': `FROM ${image}\nCMD ${JSON.stringify(ECHO_APP)}\n`,
  });
  await berth.converged();
});

afterAll(() => berth.tearDown());

const nameOf = async (deployment: string): Promise<string> =>
  (await containersOf(berth.owner, deployment))[0] ?? '';

const portOf = (name: string): Promise<string> => docker('port', name);

/** Waits for the first 200. */
const serves = async (deployment: string, body: string): Promise<void> => {
  await until(
    `${deployment} answers`,
    async () => {
      const answer = await berth.get(`${deployment}.localhost`).catch(() => undefined);
      return answer?.status === 200 && answer.body === body;
    },
    HEALED_WITHIN_MS,
  );
};

/** Breaks lheal, waits for its first 200 and prints how long after the engine's event that was. */
async function healed(
  what: string,
  name: string,
  event: string,
  harm: () => Promise<unknown>,
): Promise<void> {
  const before = Math.floor(Date.now() / 1000) - 1;
  await harm();
  await serves('lheal', 'healed GET ');
  const now = Date.now();
  const filters = ['--filter', `container=${name}`, '--filter', `event=${event}`];
  const until = String(Math.ceil(now / 1000) + 1);
  const events = await docker(
    ...['events', '--since', String(before), '--until', until, ...filters, '--format', '{{.TimeNano}}'],
  );
  const at = Number(events.split('\n').at(-1)) / 1e6;
  console.log(`${what}: serving ${Math.round(now - at)} ms after the engine's ${event} event`);
  expect(now - at).toBeLessThan(HEALED_WITHIN_MS);
}

test('a container that was removed is made again, on its port', async () => {
  const name = await nameOf('lheal');
  const port = await portOf(name);
  for (const turn of [1, 2, 3]) {
    await healed(`removed (${turn})`, name, 'die', () => docker('rm', '-f', name));
    expect(await portOf(name)).toBe(port);
    await berth.converged();
  }
});

test('a container that was stopped is started', async () => {
  const name = await nameOf('lheal');
  const id = await docker('inspect', '--format', '{{.Id}}', name);
  await healed('stopped', name, 'die', () => docker('stop', name));
  expect(await docker('inspect', '--format', '{{.Id}}', name)).toBe(id);
  await berth.converged();
});

test('a container that was paused goes on', async () => {
  const name = await nameOf('lheal');
  const before = await identityOf(name);
  await healed('paused', name, 'pause', () => docker('pause', name));
  expect(await identityOf(name)).toBe(before);
  await berth.converged();
});

test('an image that was removed is built again, and what runs of it is left alone', async () => {
  const name = await nameOf('lbuilt');
  const before = await identityOf(name);
  const tag = await docker('inspect', '--format', '{{.Config.Image}}', name);
  await docker('rmi', '-f', tag);
  await berth.converged();
  expect(await docker('images', '-q', tag)).not.toBe('');
  expect(await identityOf(name)).toBe(before);

  await docker('rm', '-f', name);
  await docker('rmi', '-f', tag).catch(() => undefined);
  await serves('lbuilt', 'built GET ');
  await berth.converged();
  expect(await docker('images', '-q', tag)).not.toBe('');
});

test('a vhost that was edited or deleted is put back', async () => {
  const file = join(berth.dataDir, 'nginx', 'sites', 'lheal.conf');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('client_max_body_size 100m', 'client_max_body_size 1m'));
  await until('it is as it was', async () => (await readFile(file, 'utf8')) === text);
  await berth.converged();
  await rm(file);
  await until('it is there again', async () => (await readFile(file, 'utf8').catch(() => '')) === text);
  await berth.converged();
  await serves('lheal', 'healed GET ');
});

test('nginx that was killed is started again', async () => {
  const master = findMaster(join(berth.dataDir, 'nginx', 'nginx.conf'));
  expect(master).toBeGreaterThan(1);
  if (master === undefined) return;
  const before = await identityOf(await nameOf('lheal'));
  process.kill(master, 'SIGKILL');
  await until('another runs', () => {
    const now = findMaster(join(berth.dataDir, 'nginx', 'nginx.conf'));
    return now !== undefined && now !== master;
  });
  await serves('lheal', 'healed GET ');
  await berth.converged();
  expect(await identityOf(await nameOf('lheal'))).toBe(before);
});

test.each([
  ['deleted', (file: string) => rm(file)],
  ['emptied', (file: string) => truncate(file)],
  ['cut in half', async (file: string) => truncate(file, Math.floor((await readFile(file)).length / 2))],
  ['overwritten', (file: string) => writeFile(file, '{"version":1,"ports":"none"}')],
])('a state file that was %s while the controller was down moves no container', async (_what, harm) => {
  const names = await containersOf(berth.owner);
  const before = await Promise.all(names.map(identityOf));
  const file = join(berth.dataDir, 'state.json');
  const portsIn = async (): Promise<unknown> =>
    JSON.parse(await readFile(file, 'utf8')).ports.map(({ port, instance }: Record<string, unknown>) => [
      port,
      instance,
    ]);
  const ports = await portsIn();
  await berth.stop();
  await harm(file);
  await berth.restart();
  await berth.converged();
  expect(await Promise.all(names.map(identityOf))).toEqual(before);
  expect(await containersOf(berth.owner)).toEqual(names);
  expect(await portsIn()).toEqual(ports);
});

test('a network that was removed while nothing ran on it is made again', async () => {
  const name = await nameOf('lquiet');
  const port = await portOf(name);
  await berth.stop();
  await docker('rm', '-f', name);
  await docker('network', 'rm', 'berth-lquiet');
  await berth.restart();
  await serves('lquiet', 'quiet GET ');
  await berth.converged();
  expect(await portOf(name)).toBe(port);

  // A stopped container still names the network by an id that is gone with it.
  await berth.stop();
  await docker('stop', name);
  await docker('network', 'rm', 'berth-lquiet');
  await berth.restart();
  await serves('lquiet', 'quiet GET ');
  await berth.converged();
});

test("a container that is not Berth's but has the name fails the deployment, which names it, and stays as it is", async () => {
  const name = await nameOf('lquiet');
  const { lquiet, ...others } = entries;
  await berth.commit({ 'deployments.yaml': JSON.stringify({ deployments: others }) });
  await berth.converged();
  const id = await docker('run', '-d', '--name', name, image, 'node', '-e', 'setInterval(() => {}, 1e6)');
  const before = await identityOf(id);
  try {
    await berth.commit({ 'deployments.yaml': JSON.stringify({ deployments: entries }) });
    await berth.until('it fails', () => berth.status('lquiet')?.status === 'failed');
    expect(berth.status('lquiet')?.error).toContain(`container ${name} exists and is not one of Berth's`);
    await berth.converged();
    expect(await identityOf(id)).toBe(before);
    expect(berth.status('lheal')).toMatchObject({ status: 'running' });

    await berth.commit({ 'deployments.yaml': JSON.stringify({ deployments: others }) });
    await berth.converged();
    expect(await identityOf(id)).toBe(before);
  } finally {
    await docker('rm', '-f', id);
  }
  await berth.commit({ 'deployments.yaml': JSON.stringify({ deployments: { ...others, lquiet } }) });
  await serves('lquiet', 'quiet GET ');
  await berth.converged();
});
