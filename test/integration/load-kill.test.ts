/**
 * The controller is killed in the middle of redeploys, at random moments, and started again; visitors see nothing of it.
 * It runs as a process of its own here, as it does for a user.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findMaster, workersOf } from '../../controller/clients/nginx/processes.ts';
import { type Berth, startBerth } from '../support/berth.ts';
import { type ControllerProcess, startController } from '../support/controller-process.ts';
import { buildDist } from '../support/dist.ts';
import { containersOf, identityOf } from '../support/docker.ts';
import { ECHO_APP, type Load, startLoad } from '../support/load.ts';
import { tinyImage } from '../support/tiny-image.ts';
import { until } from '../support/until.ts';

const KILLS = 6;
/** A redeploy takes about this long on an idle machine, so a kill comes anywhere in it. */
const KILL_WITHIN_MS = 2_500;

let berth: Berth;
let controller: ControllerProcess | undefined;
let load: Load | undefined;
let image = '';

beforeAll(async () => {
  await buildDist();
  image = await tinyImage();
  berth = await startBerth();
});

afterAll(async () => {
  await load?.stop();
  await controller?.kill();
  await berth.tearDown();
});

const start = (): ControllerProcess => startController({ env: berth.env, cwd: berth.dataDir });

const deploy = (version: string): Promise<string> =>
  berth.commit({
    'deployments.yaml': JSON.stringify({
      deployments: {
        lkill: { image, start: ECHO_APP, env: { VERSION: version } },
        lstays: { image, start: ECHO_APP, env: { VERSION: 'stays' } },
      },
    }),
  });

/** Everything on the disk that a pass may write, and nginx's workers: a reload would replace those. */
async function marks(): Promise<unknown> {
  const files = ['state.json', 'last-good.json', 'nginx/nginx.conf', 'nginx/sites/lkill.conf'];
  const times = files.map(async (file) => [file, (await stat(join(berth.dataDir, file))).mtimeMs]);
  const master = findMaster(join(berth.dataDir, 'nginx', 'nginx.conf')) ?? 0;
  return { master, workers: workersOf(master), files: await Promise.all(times) };
}

test(`${KILLS} kills of the controller in the middle of redeploys lose no request`, async () => {
  await deploy('v0');
  await berth.converged();
  await berth.stop();
  const [stays = ''] = await containersOf(berth.owner, 'lstays');
  const untouched = await identityOf(stays);

  controller = start();
  load = startLoad({ port: berth.settings.http.port, hostname: 'lkill.localhost' });
  const { versions } = load;
  await controller.said('looks at');
  const moments: number[] = [];
  for (let n = 1; n <= KILLS; n += 1) {
    await deploy(`v${n}`);
    moments.push(Math.round(Math.random() * KILL_WITHIN_MS));
    await sleep(moments.at(-1));
    expect(await controller.kill()).toEqual({ code: null, signal: 'SIGKILL' });
    controller = start();
    await until(`v${n} is answered`, () => versions.has(`v${n}`));
  }
  const portRows = async (): Promise<number> =>
    JSON.parse(await readFile(join(berth.dataDir, 'state.json'), 'utf8')).ports.length;
  await until('one container is left of each', async () => (await containersOf(berth.owner)).length === 2);
  await until('one port row is left of each', async () => (await portRows()) === 2);
  await controller.kill('SIGTERM');
  await load.stop();
  console.log(`${KILLS} kills, ${moments.join(', ')} ms after a commit: ${load.summary()}`);
  expect(load.failures).toEqual([]);
  expect(load.answered.POST).toBeGreaterThan(500);
  expect(await identityOf(stays)).toBe(untouched);
});

test('a restart with nothing to do reloads nothing and writes nothing', async () => {
  await berth.restart();
  await berth.converged();
  await berth.stop();
  const before = await marks();
  controller = start();
  await controller.said('deployment lkill runs');
  await controller.said('deployment lstays runs');
  const healthy = async (): Promise<boolean> => {
    const { host, port } = berth.settings.listen;
    return (await fetch(`http://${host}:${port}/healthz`)).ok;
  };
  await until('it is well', healthy);
  expect(await controller.kill('SIGTERM')).toMatchObject({ code: 0 });
  expect(await marks()).toEqual(before);
});

test('a second controller on one data dir ends with 3 and names the first', async () => {
  const first = start();
  controller = first;
  await first.said('looks at');
  const second = startController({ env: berth.env, cwd: berth.dataDir });
  expect(await second.ended).toMatchObject({ code: 3 });
  expect(second.lines.join('\n')).toContain(`process ${first.pid} already runs on ${berth.dataDir}`);
  expect(await first.kill('SIGTERM')).toMatchObject({ code: 0 });
});
