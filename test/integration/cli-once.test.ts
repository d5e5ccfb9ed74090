/** `berth once`: passes until nothing is left to do, for a cron job or a deploy script. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Berth, startBerth } from '../support/berth.ts';
import { type CliEnd, cli } from '../support/cli.ts';
import { buildDist } from '../support/dist.ts';
import { entry, fileOf } from '../support/entries.ts';
import { tinyImage } from '../support/tiny-image.ts';

let berth: Berth;
let image: string;

const once = (...args: readonly string[]): Promise<CliEnd> => cli(['once', ...args], { env: berth.env });

beforeAll(async () => {
  image = await tinyImage();
  await buildDist();
  berth = await startBerth({ BERTH_PORTS: '7450-7499' });
  await berth.commit({ 'deployments.yaml': fileOf() });
});

afterAll(() => berth.tearDown());

test('beside a running controller it refuses with 3 and names the process', async () => {
  const { code, out, err } = await once();
  expect({ code, out }).toEqual({ code: 3, out: '' });
  expect(err).toBe(
    `berth: process ${process.pid} already runs on ${berth.dataDir}: stop it, or set BERTH_DATA_DIR to another directory\n`,
  );
  const json = await once('--json');
  expect(json.code).toBe(3);
  expect(JSON.parse(json.out)).toEqual({
    error: { code: 'already-running', message: expect.stringContaining('already runs on') },
  });
});

test('it deploys and ends with 0; the site stays', async () => {
  await berth.converged();
  await berth.stop();
  await berth.commit({ 'deployments.yaml': fileOf(entry('oonce', image, 'one')) });
  const { code, out, err, tookMs } = await once();
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(/instance oonce-web-[0-9a-f]{8} created: new service\n/);
  expect(out).toMatch(/\nrunning {2}oonce {2}oonce\.localhost\n$/);
  expect((await berth.get('oonce.localhost')).body).toBe('one');
  console.log(`once: deployed in ${Math.round(tookMs)} ms`);
});

test('when nothing is to be done it says the state alone', async () => {
  const { code, out, err, tookMs } = await once();
  expect({ code, out, err }).toEqual({ code: 0, out: 'running  oonce  oonce.localhost\n', err: '' });
  console.log(`once with nothing to do: ${Math.round(tookMs)} ms`);
  const json = await once('--json');
  expect(json).toMatchObject({ code: 0, err: '' });
  expect(JSON.parse(json.out)).toMatchObject({
    ok: true,
    commit: await berth.git('rev-parse', 'HEAD'),
    deployments: [{ name: 'oonce', status: 'running' }],
    reasons: [],
  });
});

test('a build that fails ends it with 1 and the reason, and the others are up', async () => {
  await berth.commit({
    'deployments.yaml': fileOf(entry('oonce', image, 'two'), '  obroken:\n    repo: .\n    path: broken\n'),
    'broken/Dockerfile': `FROM ${image}\nRUN ["node", "-e", "console.error('no left-pad here'); process.exit(7)"]\n`,
  });
  const { code, out } = await once();
  expect(code).toBe(1);
  expect(out).toMatch(/\nfailed {3}obroken {2}obroken\.localhost\n {9}.*no left-pad here/);
  expect(out).toMatch(/\nrunning {2}oonce /);
  expect((await berth.get('oonce.localhost')).body).toBe('two');
});

test('an error in the file ends it with 1', async () => {
  await berth.commit({
    'deployments.yaml': fileOf(entry('oonce', image, 'two'), '  obroken: { prot: 1 }\n'),
  });
  const { code, err } = await once();
  expect(code).toBe(1);
  expect(err).toMatch(/^deployments\.yaml:\d+:\d+ deployments\/obroken/m);
});

test('what does not come to rest in time ends it with 1', async () => {
  const deaf = `  oonce:\n    image: ${image}\n    start: [node, -e, "setInterval(() => {}, 1000)"]\n`;
  await berth.commit({ 'deployments.yaml': fileOf(deaf) });
  const { code, out, err, tookMs } = await once('--timeout', '3s');
  expect(code).toBe(1);
  expect(err).toContain('the time is up: oonce is still under way');
  expect(out).toMatch(/\nbuilding oonce /);
  expect(tookMs).toBeGreaterThan(3000);
  expect(tookMs).toBeLessThan(12_000);
  expect((await berth.get('oonce.localhost')).body).toBe('two');
});
