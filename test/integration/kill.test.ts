/**
 * The controller dies at each of its effects in turn, in the middle of a commit that adds one deployment, changes a
 * second and removes a third. The next controller finishes the job: nothing is left over, doubled, or touched.
 * Every order of every effect is tried on a small world in `test/sim`; this is the real one.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Berth, left, startBerth } from '../support/berth.ts';
import type { ControllerProcess } from '../support/controller-process.ts';
import { startCrashing } from '../support/crashing-controller.ts';
import { buildDist } from '../support/dist.ts';
import { containersOf, identityOf } from '../support/docker.ts';
import { ECHO_APP } from '../support/load.ts';
import { tinyImage } from '../support/tiny-image.ts';

/** In the order in which the commit brings them about. `NEW`, `CHANGED` and `OLD` stand for the deployments. */
const POINTS = [
  ['after', 'engine.build berth/NEW'],
  ['after', 'engine.createNetwork berth-NEW'],
  ['after', 'store.ports'],
  ['after', 'engine.create CHANGED'],
  ['after', 'engine.start CHANGED'],
  ['after', 'nginx.write CHANGED'],
  ['before', 'nginx.reload'],
  ['after', 'nginx.reload'],
  ['after', 'nginx.remove OLD'],
  ['after', 'engine.stop OLD'],
  ['after', 'engine.remove OLD'],
  ['after', 'engine.createReader berth-OLD'],
  ['before', 'engine.removeVolume berth-OLD'],
  ['after', 'engine.removeImage berth/OLD'],
  ['before', 'store.record'],
  ['after', 'engine.stop CHANGED'],
] as const;

const CRASH_WITHIN_MS = 40_000;

let berth: Berth;
let image = '';
let untouched = '';
let controller: ControllerProcess | undefined;
let round = 0;

const nameOf = (n: number): string => `lk${n}`;

const commit = (): Promise<string> => {
  const name = nameOf(round);
  const entry = { repo: '.', path: 'app', env: { VERSION: name }, volumes: { data: '/data' } };
  const deployments = {
    lkchanged: { image, start: ECHO_APP, env: { VERSION: name } },
    lkstays: { image, start: ECHO_APP, env: { VERSION: 'stays' } },
    [name]: entry,
  };
  return berth.commit({
    'deployments.yaml': JSON.stringify({ deployments }),
    'app/Dockerfile': `FROM ${image}\nCMD ${JSON.stringify(ECHO_APP)}\n`,
  });
};

beforeAll(async () => {
  await buildDist();
  image = await tinyImage();
  berth = await startBerth({ BERTH_DRAIN: '200ms' });
  await commit();
  await berth.converged();
  untouched = await identityOf((await containersOf(berth.owner, 'lkstays'))[0] ?? '');
});

afterAll(async () => {
  await controller?.kill();
  await berth.tearDown();
  console.log(`a controller was killed at ${round} effects of a real run`);
});

test.each(POINTS)('killed %s %s, the next controller finishes', async (when, label) => {
  await berth.stop();
  round += 1;
  const [old, name] = [nameOf(round - 1), nameOf(round)];
  await commit();
  const at = label.replace('NEW', name).replace('OLD', old).replace('CHANGED', 'lkchanged');
  controller = startCrashing({ env: berth.env, cwd: berth.dataDir, at, when });
  const ended = await Promise.race([controller.ended, sleep(CRASH_WITHIN_MS, undefined, { ref: false })]);
  expect(ended, controller.lines.join('\n')).toEqual({ code: null, signal: 'SIGKILL' });

  await berth.restart();
  await berth.converged();
  const names = await containersOf(berth.owner);
  expect(names.map((container) => container.replace(/-[0-9a-f]{8}$/, ''))).toEqual(
    [`${name}-web`, 'lkchanged-web', 'lkstays-web'].sort(),
  );
  expect(await identityOf(names.at(-1) ?? '')).toBe(untouched);
  const there = await left(berth.owner, berth.dataDir);
  expect(there.filter((thing) => new RegExp(`\\b${old}\\b`).test(thing))).toEqual([]);
  expect(there.filter((thing) => thing.startsWith('network '))).toHaveLength(3);
  expect(there.filter((thing) => thing.startsWith('volume '))).toEqual([`volume berth-${name}-data`]);
  const state = JSON.parse(await readFile(join(berth.dataDir, 'state.json'), 'utf8'));
  expect(state.ports).toHaveLength(3);
  expect(state.receipts.filter(({ deployment }: { deployment: string }) => deployment === old)).toHaveLength(
    1,
  );
  const archives = await readdir(join(berth.dataDir, 'archive'));
  expect(archives.filter((file) => file.includes(`${old}-data`))).toHaveLength(1);
  for (const deployment of ['lkchanged', name])
    expect(await berth.get(`${deployment}.localhost`)).toMatchObject({ status: 200, body: `${name} GET ` });
});
