/** RELIABILITY B103: GitHub tells once and never again; a delivery that never comes costs no more than the wait for the poll. */
import type { Server } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listen } from '../../controller/cli/listen.ts';
import { dockerApp } from '../support/deploy-apps.ts';
import { type DeployWorld, deployWorld } from '../support/deploy-world.ts';
import { delivery, pushOf, send } from '../support/github-deliveries.ts';
import { until } from '../support/until.ts';

const SECRET = 'canary-of-the-webhook-secret';

let world: DeployWorld;
let api: Server;
const stop = new AbortController();

beforeAll(async () => {
  world = await deployWorld({ BERTH_INTERVAL: '3s', GITHUB_WEBHOOK_SECRET: SECRET });
  api = await listen(world.berth.settings, world.berth.session, stop.signal);
});

afterAll(async () => {
  stop.abort();
  api?.closeAllConnections();
  api?.close();
  await world?.end();
});

test('what nobody told of is found by the poll, while the webhook is busy with others', async () => {
  const { listen: at } = world.berth.settings;
  const lost = world.repo('cd-lost');
  lost.commit(dockerApp(world.image, 'v1'));
  await world.deploy({ 'cd-lost': { repo: lost.url } });
  const commit = lost.commit(dockerApp(world.image, 'v2'));
  const begun = performance.now();
  for (const name of ['cd-others', 'cd-lost-fork', 'cd-lost.git.git'])
    await send(
      `http://${at.host}:${at.port}`,
      delivery(SECRET, 'push', pushOf({ repo: `${world.server.url}/${name}`, after: commit })),
    );
  await world.found('cd-lost', commit);
  await until('it is live', async () => (await world.body('cd-lost.localhost')) === 'v2 /');
  console.log(`live ${Math.round(performance.now() - begun)} ms after the push, at an interval of 3 s`);
  expect(
    world.berth.session.real.clients.store.state.passes.map(({ trigger }) => trigger).join(),
  ).not.toContain('webhook');
});
