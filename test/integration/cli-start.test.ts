/** `berth start` as a process: it ends at once when it is told to, and the next one goes on where it was. */
import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Berth, startBerth } from '../support/berth.ts';
import { type CliProcess, cli, healthOf, startCli } from '../support/cli.ts';
import { buildDist } from '../support/dist.ts';
import { entry, fileOf } from '../support/entries.ts';
import { tinyImage } from '../support/tiny-image.ts';
import { until } from '../support/until.ts';

let berth: Berth;
let image: string;

const answer = (name: string): Promise<string> =>
  berth.get(`${name}.localhost`).then(
    ({ body }) => body,
    () => '',
  );
const begin = (env: NodeJS.ProcessEnv = {}): CliProcess =>
  startCli(['start'], { env: { ...berth.env, ...env } });
async function terminate(controller: CliProcess): Promise<number> {
  const begun = performance.now();
  controller.kill('SIGTERM');
  const { code, out } = await controller.ended;
  expect({ code, last: out.trim().split('\n').at(-1) }).toEqual({
    code: 0,
    last: expect.stringContaining('stopped; the sites go on'),
  });
  return Math.round(performance.now() - begun);
}

beforeAll(async () => {
  image = await tinyImage();
  await buildDist();
  berth = await startBerth({ BERTH_PORTS: '7550-7599' });
  await berth.stop();
});

afterAll(() => berth.tearDown());

test('SIGTERM during a build ends it at once, and the next start builds', async () => {
  // The words are put together as it runs, and differ each time, so that no cache of the engine's builds for us.
  const script = `console.log('waits', 6 * 7, '${berth.owner}'); setTimeout(() => {}, 6000)`;
  const serve = "require('http').createServer((q, s) => s.end('built')).listen(process.env.PORT)";
  await berth.commit({
    'deployments.yaml': fileOf('  osig: { repo: ., path: app }\n'),
    'app/Dockerfile': `FROM ${image}\nRUN ["node", "-e", "${script}"]\nCMD ["node", "-e", "${serve}"]\n`,
  });
  const first = begin();
  await first.saying(/image berth\/osig-web:\S+ queued/);
  await until('its log says that it builds', async () => {
    const dir = `${berth.dataDir}/logs/osig/web`;
    const files = await readdir(dir).catch(() => []);
    const texts = await Promise.all(files.map((file) => readFile(`${dir}/${file}`, 'utf8')));
    return texts.join().includes('waits 42');
  });
  console.log(`ended ${await terminate(first)} ms after SIGTERM, in the midst of a build`);
  const second = begin();
  await until('it is built and serves', async () => (await answer('osig')) === 'built');
  await terminate(second);
  expect(await answer('osig')).toBe('built');
});

test('SIGTERM while it makes things leaves nothing doubled', async () => {
  const names = ['osa', 'osb', 'osc', 'osd', 'ose'];
  await berth.commit({ 'deployments.yaml': fileOf(...names.map((name) => entry(name, image))) });
  const first = begin();
  await first.saying(/instance os\S+ created/);
  console.log(`ended ${await terminate(first)} ms after SIGTERM, in the midst of a pass`);
  const { code, out } = await cli(['once'], { env: berth.env });
  expect(code).toBe(0);
  for (const name of names) {
    expect(await answer(name)).toBe(name);
    const created = (first.said() + out).match(new RegExp(`instance ${name}-web-[0-9a-f]+ created`, 'g'));
    expect(created).toHaveLength(1);
  }
});

test('an address that is taken is said in a sentence, and the command ends with 1', async () => {
  const holder = begin();
  await until('it answers', async () => (await healthOf(berth)) !== undefined);
  const other = { BERTH_DATA_DIR: `${berth.dataDir}/other`, BERTH_OWNER: `${berth.owner}-other` };
  const { code, err, tookMs } = await begin(other).ended;
  expect(code).toBe(1);
  const { host, port } = berth.settings.listen;
  expect(err).toBe(`berth: BERTH_LISTEN=${host}:${port} can't be listened on (EADDRINUSE): set another\n`);
  expect(tookMs).toBeLessThan(10_000);
  const same = await begin().ended;
  expect(same.code).toBe(3);
  await terminate(holder);
});

test('a data dir that can not be written is said in a sentence', async () => {
  const { code, err } = await begin({ BERTH_DATA_DIR: '/dev/null/berth' }).ended;
  expect(code).toBe(1);
  expect(err).toBe(
    "berth: the data dir /dev/null/berth can't be used (ENOTDIR): give this user the right to write there, or set BERTH_DATA_DIR to another directory\n",
  );
});
