/**
 * No visitor sees a redeploy: 20 of them under constant load, while other deployments fail in every way they can.
 * Each version dies at once on SIGTERM, so whatever is cut too early shows as a failed request.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Berth, startBerth } from '../support/berth.ts';
import { ECHO_APP, type Load, startLoad } from '../support/load.ts';
import { tinyImage } from '../support/tiny-image.ts';
import { until } from '../support/until.ts';

const REDEPLOYS = 20;

let berth: Berth;
let load: Load | undefined;
let image = '';

beforeAll(async () => {
  image = await tinyImage();
  berth = await startBerth();
});

afterAll(async () => {
  await load?.stop();
  await berth.tearDown();
});

const app = (version: string, more: object = {}): object => ({
  image,
  start: ECHO_APP,
  env: { VERSION: version },
  ...more,
});

/** Every file is written as JSON, which is YAML too. */
const file = (deployments: object): Record<string, string> => ({
  'deployments.yaml': JSON.stringify({ deployments }),
});

test(`${REDEPLOYS} redeploys beside others that break lose no request`, async () => {
  const other = app('other', { subdomain: 'lother' });
  await berth.commit(file({ lload: app('v0'), lother: other }));
  await berth.converged();
  load = startLoad({ port: berth.settings.http.port, hostname: 'lload.localhost' });
  const { versions } = load;
  await until('load is on', () => versions.has('v0'));

  const seen = async (version: string): Promise<void> => {
    await until(`${version} is answered`, () => versions.has(version), 30_000);
  };
  const foreign = join(berth.dataDir, 'nginx', 'sites', 'zz-foreign.conf');
  const vhost = join(berth.dataDir, 'nginx', 'sites', 'lother.conf');
  for (let n = 1; n <= REDEPLOYS; n += 1) {
    const entries: Record<string, unknown> = { lload: app(`v${n}`), lother: other };
    // Another entry is wrong, another build fails, another version dies at its start, another app changes its routes.
    if (n % 5 === 1) entries.lwrong = { ...app('x'), colour: 'red' };
    if (n % 5 === 2) entries.lbuild = { repo: '.', path: 'lbuild' };
    if (n % 5 === 3) entries.lcrash = { image, start: ECHO_APP, env: { CRASH: 'yes' } };
    if (n % 5 === 4)
      entries.lother = app('other', { hosts: [`l${n}.localhost`], headers: { 'X-Turn': String(n) } });
    if (n === 6) await writeFile(vhost, (await readFile(vhost, 'utf8')).replace('listen', 'lisden'));
    if (n === 12) await writeFile(foreign, 'this { is no vhost');
    await berth.commit({ ...file(entries), 'lbuild/Dockerfile': `FROM ${image}\nRUN exit ${n}\n` });
    if (n === 12) {
      await until('the foreign file is named', () => berth.log.some((line) => line.includes('zz-foreign')));
      await rm(foreign);
    }
    await seen(`v${n}`);
  }
  // A version that never starts, and the way back to one that was there before.
  await berth.commit(file({ lload: app('v21', { env: { VERSION: 'v21', CRASH: 'yes' } }), lother: other }));
  await berth.until(
    'the crash is seen',
    () => berth.status('lload')?.error?.includes('can not start') ?? false,
  );
  await berth.commit(file({ lload: app('back'), lother: other }));
  await seen('back');
  await berth.converged();
  expect(load.inFlight.slow).toBeGreaterThan(0);
  await load.stop();

  console.log(`${REDEPLOYS} redeploys: ${load.summary()}`);
  expect(load.failures).toEqual([]);
  expect([...versions].sort()).toEqual(
    ['back', ...Array.from({ length: REDEPLOYS + 1 }, (_, n) => `v${n}`)].sort(),
  );
  expect(load.answered.POST).toBeGreaterThan(1000);
  expect(load.answered.slow).toBeGreaterThan(10);
  expect(await berth.get('lother.localhost')).toMatchObject({ status: 200, body: 'other GET ' });
});
