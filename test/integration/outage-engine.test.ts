/** The engine goes away, or answers nonsense: nothing is deleted, the reason is told, and it mends itself. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Berth, startBerth } from '../support/berth.ts';
import { type CliProcess, cli, type Health, healthOf, startCli } from '../support/cli.ts';
import { buildDist } from '../support/dist.ts';
import { type EngineProxy, engineProxy } from '../support/engine-proxy.ts';
import { entry, fileOf } from '../support/entries.ts';
import { tinyImage } from '../support/tiny-image.ts';
import { until } from '../support/until.ts';

let berth: Berth;
let proxy: EngineProxy;
let image: string;
let controller: CliProcess;

const health = (when: (health: Health) => boolean): Promise<Health> =>
  until('healthz says so', async () => {
    const now = await healthOf(berth);
    return now && when(now) ? now : undefined;
  });
const answer = async (name: string): Promise<string> => (await berth.get(`${name}.localhost`)).body;

beforeAll(async () => {
  image = await tinyImage();
  await buildDist();
  proxy = await engineProxy({ up: false });
  berth = await startBerth({ DOCKER_HOST: proxy.url, BERTH_PORTS: '7350-7399' });
  await berth.stop();
  await berth.commit({ 'deployments.yaml': fileOf(entry('ooa', image), entry('oob', image)) });
  controller = startCli(['start'], { env: berth.env });
});

afterEach(({ task }) => {
  if (task.result?.state === 'fail') console.log(controller.said());
});

afterAll(async () => {
  try {
    controller.kill('SIGTERM');
    await controller.ended;
    await proxy.takeAway();
    await proxy.bringBack();
    proxy.mend();
    await berth.tearDown();
  } finally {
    await proxy.close();
  }
});

test('an engine that is not there at the start is waited for', async () => {
  const { status, reasons } = await health(
    (now) => now.reasons?.join().includes('could not be read') ?? false,
  );
  expect(status).toBe(503);
  expect(reasons?.[0]).toMatch(
    /^images, .*could not be read: docker engine can't be reached at .*docker\.sock: start it/,
  );
  expect((await cli(['doctor'], { env: berth.env })).out).toMatch(/^bad {2}engine .* is not there: /m);
  await proxy.bringBack();
  const begun = performance.now();
  await until(
    'both answer',
    async () => (await answer('ooa')) === 'ooa' && (await answer('oob')) === 'oob',
    20_000,
  );
  console.log(`both deployed ${Math.round(performance.now() - begun)} ms after the engine came`);
  await health(({ ok }) => ok);
});

test('one that goes away takes nothing with it, and what was committed meanwhile follows when it is back', async () => {
  const from = controller.said().length;
  await proxy.takeAway();
  await health(({ ok }) => !ok);
  await berth.commit({ 'deployments.yaml': fileOf(entry('ooa', image, 'new')) });
  await controller.saying('could not be read: docker engine', { from });
  const plan = await cli(['plan'], { env: berth.env });
  expect(plan.code).toBe(1);
  expect(plan.err).toMatch(/could not be read: docker engine can't be reached/);
  expect(plan.out).toBe('');
  expect([await answer('ooa'), await answer('oob')]).toEqual(['ooa', 'oob']);
  expect(controller.said().slice(from)).not.toMatch(/removed|asked to stop/);
  const begun = performance.now();
  await proxy.bringBack();
  await health(({ ok }) => ok);
  const healthyMs = performance.now() - begun;
  await until('the new one answers', async () => (await answer('ooa')) === 'new');
  console.log(
    `healthy ${Math.round(healthyMs)} ms, new version ${Math.round(performance.now() - begun)} ms after the engine was back`,
  );
  await controller.saying('deployment oob is gone', { from });
});

test.each(['html', 'partial', 'refuses'] as const)(
  'an engine that answers with %s deletes nothing',
  async (fault) => {
    await until('it is at rest', async () => (await cli(['plan'], { env: berth.env })).code === 0);
    const from = controller.said().length;
    const asked = proxy.requests.length;
    proxy.spoil(fault);
    await berth.commit({ note: fault });
    const { reasons } = await health(({ ok }) => !ok);
    expect(reasons?.join()).toMatch(/could not be read: docker engine/);
    await berth.commit({ 'deployments.yaml': fileOf() });
    await until('it tried again', () => proxy.requests.length > asked + 12);
    await berth.commit({ 'deployments.yaml': fileOf(entry('ooa', image, 'new')) });
    proxy.mend();
    await health(({ ok }) => ok);
    await until('it is at rest', async () => (await cli(['plan'], { env: berth.env })).code === 0);
    expect(controller.said().slice(from)).not.toMatch(/ (removed|created|asked to stop|started): /);
    expect(proxy.requests.slice(asked).filter((line) => !line.startsWith('GET '))).toEqual([]);
    expect(await answer('ooa')).toBe('new');
  },
);
