/**
 * A hundred deployments of one small image: more than the engine's own address pools have networks for. They come up,
 * a pass with nothing to do stays cheap, and they go again. The figures are printed, since they are the machine's.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reconcile } from '../../controller/loop/reconcile.ts';
import { type Berth, left, startBerth } from '../support/berth.ts';
import { buildDist, distUrl } from '../support/dist.ts';
import { tinyImage } from '../support/tiny-image.ts';

const COUNT = 100;
const names = Array.from({ length: COUNT }, (_, index) => `xh${String(index + 1).padStart(3, '0')}`);
const app = `require('node:http').createServer((q, r) => r.end(process.env.WHO)).listen(process.env.PORT)`;

let berth: Berth;
let image: string;

beforeAll(async () => {
  image = await tinyImage();
  berth = await startBerth({ BERTH_PORTS: '31000-31299', BERTH_LOG: 'info', BERTH_INTERVAL: '30s' });
});

afterAll(() => berth.tearDown());

const entry = (name: string): string =>
  `  ${name}: { image: '${image}', start: [node, -e, "${app}"], env: { WHO: ${name} }, resources: { memory: 96m } }\n`;

test('a hundred deployments come up, each at its hostname and on a network of its own', async () => {
  const begun = performance.now();
  await berth.commit({ 'deployments.yaml': `deployments:\n${names.map(entry).join('')}` });
  await berth.until(
    'all are up',
    () => names.every((name) => berth.status(name)?.status === 'running'),
    170_000,
  );
  say('all running', performance.now() - begun);
  const report = await berth.converged();
  say('at rest', performance.now() - begun);
  const answers = await Promise.all(names.map((name) => berth.get(`${name}.localhost`)));
  expect(answers.map(({ status, body }) => `${status} ${body}`)).toEqual(names.map((name) => `200 ${name}`));
  const { network } = report.observed;
  const subnets = 'uncertain' in network ? [] : network.map(({ subnet }) => subnet);
  expect(new Set(subnets).size).toBe(COUNT);
});

test('a pass over a hundred deployments with nothing to do writes nothing', async () => {
  const before = berth.effects.length;
  const times: number[] = [];
  for (let turn = 0; turn < 5; turn += 1) {
    const begun = performance.now();
    const { outcomes } = await reconcile(berth.session.real.world, new AbortController().signal);
    times.push(performance.now() - begun);
    expect(outcomes).toEqual([]);
  }
  expect(berth.effects.length).toBe(before);
  say('an idle pass', Math.min(...times));
});

test('another controller process takes all of them over and touches none', async () => {
  await berth.stop();
  await buildDist();
  const main = fileURLToPath(distUrl('main.js'));
  const child = spawn(process.execPath, [main, 'start'], { env: berth.env, stdio: 'ignore' });
  try {
    const running = await promisify(execFile)('docker', [
      'ps',
      '-q',
      '--filter',
      `label=berth.owner=${berth.owner}`,
    ]);
    const begun = performance.now();
    while (!(await isWell()) && performance.now() - begun < 30_000) await sleep(50);
    say('a restarted controller is well', performance.now() - begun);
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
    console.log(`its memory: ${Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024)} MiB`);
    expect(await isWell()).toBe(true);
    const after = await promisify(execFile)('docker', [
      'ps',
      '-q',
      '--filter',
      `label=berth.owner=${berth.owner}`,
    ]);
    expect(after.stdout).toBe(running.stdout);
  } finally {
    child.kill('SIGTERM');
    await once(child, 'exit');
    await berth.restart();
  }
});

test('emptying the file removes every one of them', async () => {
  const begun = performance.now();
  await berth.commit({ 'deployments.yaml': 'deployments: {}\n' });
  await berth.until(
    'all are gone',
    ({ observed: { instance, network } }) => isEmpty(instance) && isEmpty(network),
    170_000,
  );
  await berth.converged();
  say('all removed', performance.now() - begun);
  expect(await left(berth.owner, berth.dataDir)).toEqual([]);
  const { receipts } = berth.session.real.clients.store.state;
  expect(
    receipts
      .map(({ deployment }) => deployment)
      .filter((name) => name !== 'hello')
      .sort(),
  ).toEqual(names);
});

function say(what: string, ms: number): void {
  console.log(`${what}: ${Math.round(ms)} ms, ${(ms / COUNT).toFixed(1)} ms a deployment`);
}

function isEmpty(seen: object): boolean {
  return Array.isArray(seen) && seen.length === 0;
}

async function isWell(): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${berth.settings.listen.port}/healthz`).catch(() => undefined);
  return answer?.status === 200;
}
