/** `BERTH_CLOUDFLARED=container`: the connector lives, is healed and goes like any instance, and only it knows its token. */
import { execFile } from 'node:child_process';
import { get } from 'node:http';
import { promisify } from 'node:util';
import type Docker from 'dockerode';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CONNECTOR_IMAGE } from '../../controller/loop/own.ts';
import { type Berth, startBerth } from '../support/berth.ts';
import { type CloudflareStandIn, startCloudflare } from '../support/cloudflare-api.ts';
import { cloudflaredImage } from '../support/cloudflared-image.ts';
import { envOf } from '../support/deploy-world.ts';
import { containersOf, docker } from '../support/docker.ts';
import { until } from '../support/until.ts';

const NAME = 'berth-tunnel';
const PORTS = [7550, 7599] as const;

let cloudflare: CloudflareStandIn;
let image: { remove(): Promise<void> };
let berth: Berth;

beforeAll(async () => {
  image = await cloudflaredImage();
  cloudflare = await startCloudflare({ zones: ['example.com'] });
  berth = await startBerth({
    CLOUDFLARE_API_TOKEN: cloudflare.token,
    CLOUDFLARE_BASE_URL: cloudflare.url,
    BERTH_CLOUDFLARED: 'container',
    BERTH_PORTS: PORTS.join('-'),
    BERTH_DRAIN: '300ms',
    BERTH_INTERVAL: '1s',
  });
});

afterAll(async () => {
  try {
    await berth.tearDown();
  } finally {
    await cloudflare.close();
    await image.remove();
  }
});

async function inspect(name: string): Promise<Docker.ContainerInspectInfo> {
  return JSON.parse(await docker('inspect', name))[0];
}

/** The only one. */
async function connector(): Promise<Docker.ContainerInspectInfo> {
  const [name, ...more] = await containersOf(berth.owner, NAME);
  if (name === undefined || more.length > 0) throw new Error(`${more.length} more than ${name}`);
  return inspect(name);
}

function tunnel() {
  const [row] = cloudflare.state.tunnels;
  if (!row) throw new Error('no tunnel was made');
  return row;
}

/** As "refresh token" does it in the dashboard. */
function rotate(secret: string): void {
  Object.assign(tunnel(), { secret });
}

function ready(address: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    get(`http://${address}/ready`, { agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).on('error', () => resolve(undefined));
  });
}

test('it comes up on the network of this machine, with the token of the tunnel that was made for it', async () => {
  await berth.converged();
  const { HostConfig, Config, NetworkSettings } = await connector();
  const env = envOf({ Config } as Docker.ContainerInspectInfo);
  expect(Config.Image).toBe(CONNECTOR_IMAGE);
  expect(HostConfig.NetworkMode).toBe('host');
  expect(Object.keys(NetworkSettings.Networks)).toEqual(['host']);
  expect(env.TUNNEL_TOKEN).toBe(cloudflare.connectorToken(tunnel().id));
  const [host, port] = (env.TUNNEL_METRICS ?? '').split(':');
  expect(host).toBe('127.0.0.1');
  expect(Number(port)).toBeGreaterThanOrEqual(PORTS[0]);
  expect(Number(port)).toBeLessThanOrEqual(PORTS[1]);
  expect(await ready(`${host}:${port}`)).toBe(200);
  expect(berth.status(NAME)).toMatchObject({ status: 'running' });
  expect(await docker('network', 'ls', '--filter', `label=berth.owner=${berth.owner}`, '-q')).toBe('');
});

test('the token is in the environment of the container, and nowhere else', async () => {
  const token = cloudflare.connectorToken(tunnel().id);
  const { Config, ...rest } = await connector();
  const { Env, ...config } = Config;
  expect(Env.filter((line) => line.includes(token))).toHaveLength(1);
  const texts = { rest, config, log: berth.log, effects: berth.effects, last: berth.session.runner.last };
  for (const [what, text] of Object.entries(texts))
    expect(`${what} ${JSON.stringify(text)}`).not.toContain(token);
  const found = await promisify(execFile)('grep', ['-rlF', token, berth.dataDir]).catch(({ stdout }) => ({
    stdout,
  }));
  expect(found.stdout).toBe('');
});

test('one that was killed is started again, one that was removed is made again on its port', async () => {
  const before = await connector();
  await docker('kill', before.Id);
  await until('it runs again', async () => (await connector()).State.Running);
  await berth.converged();
  expect((await connector()).Id).toBe(before.Id);

  await docker('rm', '-f', before.Id);
  await until('another runs', async () => (await containersOf(berth.owner, NAME)).length > 0);
  await berth.converged();
  const after = await connector();
  expect(after.Name).toBe(before.Name);
  expect(envOf(after)).toEqual(envOf(before));
});

test('while Cloudflare can not be asked after a restart, what runs stays and is healed', async () => {
  const before = await connector();
  cloudflare.fail(/./, { status: 502 }, 10_000);
  await berth.restart();
  await berth.until('it is told', () => berth.status(NAME)?.status !== 'running');
  await docker('kill', before.Id);
  await until('it runs again', async () => (await connector()).State.Running);
  expect((await connector()).Id).toBe(before.Id);

  cloudflare.mend();
  await berth.converged();
  const { Id, State } = await connector();
  expect({ Id, running: State.Running }).toEqual({ Id: before.Id, running: true });
  expect(berth.status(NAME)).toMatchObject({ status: 'running' });
});

test('a token that does not connect replaces nothing, and one that does replaces it', async () => {
  const before = await connector();
  await berth.stop();
  rotate('unready');
  await berth.restart();
  const added = await until('another is made beside it', async () =>
    (await containersOf(berth.owner, NAME)).find((name) => `/${name}` !== before.Name),
  );
  await berth.until('it was asked', ({ observed }) =>
    Object.values('uncertain' in observed.instance ? [] : observed.instance).some(
      ({ key, detail }) => key === added && detail?.includes('503'),
    ),
  );
  expect((await inspect(before.Id)).State.Running).toBe(true);

  await berth.stop();
  rotate('another-secret');
  await berth.restart();
  await berth.converged();
  const after = await connector();
  expect(after.Id).not.toBe(before.Id);
  expect(envOf(after).TUNNEL_TOKEN).toBe(cloudflare.connectorToken(tunnel().id));
  expect(await ready(envOf(after).TUNNEL_METRICS ?? '')).toBe(200);
});

test('without the setting it goes, with a receipt, and the tunnel stays', async () => {
  await berth.restart({ BERTH_CLOUDFLARED: undefined });
  await berth.converged();
  expect(await containersOf(berth.owner, NAME)).toEqual([]);
  const { receipts, ports } = berth.session.real.clients.store.state;
  expect(receipts.at(-1)).toMatchObject({ deployment: NAME });
  expect(ports).toEqual([]);
  expect(cloudflare.state.tunnels.filter(({ deleted }) => !deleted)).toHaveLength(1);
  expect(await docker('images', '-q', CONNECTOR_IMAGE)).not.toBe('');
});
