/** `BERTH_ADMIN_HOST`: the controller's own API behind its own nginx, for as long as the setting is there. */
import { existsSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listen } from '../../controller/cli/listen.ts';
import { type Berth, startBerth } from '../support/berth.ts';
import { post } from '../support/deploy-world.ts';
import { entry, fileOf } from '../support/entries.ts';
import { tinyImage } from '../support/tiny-image.ts';

const ADMIN = 'berth.localhost';

let berth: Berth;
let api: Server;
let image = '';
const stop = new AbortController();

beforeAll(async () => {
  image = await tinyImage();
  berth = await startBerth({ BERTH_ADMIN_HOST: ADMIN, BERTH_PORTS: '7500-7549' });
  api = await listen(berth.settings, berth.session, stop.signal);
});

afterAll(async () => {
  stop.abort();
  api.close();
  api.closeAllConnections();
  await berth.tearDown();
});

const site = (): string => join(berth.dataDir, 'nginx', 'sites', 'berth-admin.conf');

test('its hostname leads to the API', async () => {
  await berth.converged();
  expect(await berth.get(ADMIN, '/healthz')).toMatchObject({ status: 200, body: '{"ok":true}' });
  expect(berth.status('berth-admin')).toMatchObject({ status: 'running' });
});

test('the body of a webhook gets through, and one that no webhook has does not', async () => {
  expect(await post(berth, ADMIN, 25 * 2 ** 20)).not.toMatch(/^413 <html>/);
  expect(await post(berth, ADMIN, 27 * 2 ** 20)).toMatch(/^413 <html>/);
});

test('a deployment that asks for the hostname stalls alone, and one that asks for the name too', async () => {
  const taken = `${entry('ccadmin', image)}    hosts: [${ADMIN}]\n`;
  await berth.commit({
    'deployments.yaml': fileOf(taken, entry('berth-admin', image), entry('ccgood', image)),
  });
  await berth.converged();
  expect(berth.status('ccadmin')).toMatchObject({ status: 'failed', error: expect.stringContaining(ADMIN) });
  expect(berth.status('ccgood')).toMatchObject({ status: 'running' });
  expect(await berth.get(ADMIN, '/healthz')).toMatchObject({ status: 200 });
});

test('redeploys beside it leave it as it is', async () => {
  const before = berth.effects.length;
  await berth.commit({ 'deployments.yaml': fileOf(entry('ccgood', image, 'two')) });
  await berth.converged();
  expect((await berth.get('ccgood.localhost')).body).toBe('two');
  expect(berth.effects.slice(before).filter((label) => label.includes('berth-admin'))).toEqual([]);
  expect(await berth.get(ADMIN, '/healthz')).toMatchObject({ status: 200 });
});

test('without the setting its vhost goes, and comes back with it', async () => {
  expect(existsSync(site())).toBe(true);
  await berth.restart({ BERTH_ADMIN_HOST: undefined });
  await berth.converged();
  expect(existsSync(site())).toBe(false);
  expect((await berth.get(ADMIN)).status).toBe(421);
  expect(berth.status('berth-admin')).toBeUndefined();
  await berth.restart({ BERTH_ADMIN_HOST: ADMIN });
  await berth.converged();
  expect(existsSync(site())).toBe(true);
});
