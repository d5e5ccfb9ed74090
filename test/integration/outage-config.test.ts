/** The config repo is a remote with a token, and has bad days: nothing changes, the reason is told, and it mends itself. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Berth, startBerth } from '../support/berth.ts';
import { type CliEnd, type CliProcess, cli, healthOf, startCli } from '../support/cli.ts';
import { buildDist } from '../support/dist.ts';
import { entry, fileOf } from '../support/entries.ts';
import { type Fault, type GitServer, startGitServer } from '../support/git-server.ts';
import { tinyImage } from '../support/tiny-image.ts';
import { until } from '../support/until.ts';

const TOKEN = 'c0nfig-t0ken';

let berth: Berth;
let server: GitServer;
let image: string;
let env: NodeJS.ProcessEnv;
let controller: CliProcess;
let version = 0;

const begin = (): void => {
  controller = startCli(['start'], { env });
};
const run = (...args: readonly string[]): Promise<CliEnd> => cli(args, { env });
/** Empty while nginx is not up. */
const answer = (): Promise<string> =>
  berth.get('ocfg.localhost').then(
    ({ body }) => body,
    () => '',
  );
const push = async (fault?: Fault): Promise<string> => {
  version += 1;
  server.fault = fault;
  await berth.commit({ 'deployments.yaml': fileOf(entry('ocfg', image, `v${version}`)) });
  return `v${version}`;
};

beforeAll(async () => {
  image = await tinyImage();
  await buildDist();
  berth = await startBerth({ BERTH_PORTS: '7500-7549' });
  await berth.stop();
  server = await startGitServer(berth.dataDir);
  server.login = { username: 'x-access-token', password: TOKEN };
  env = {
    ...berth.env,
    BERTH_CONFIG_REPO: `${server.url}/config/.git`,
    BERTH_CONFIG_TOKEN: TOKEN,
    BERTH_INTERVAL: '1s',
  };
  begin();
});

afterEach(({ task }) => {
  if (task.result?.state === 'fail') console.log(controller.said());
});

afterAll(async () => {
  try {
    controller.kill('SIGTERM');
    expect((await controller.ended).code).toBe(0);
    expect(controller.said()).not.toContain(TOKEN);
  } finally {
    await server.close();
    await berth.tearDown();
  }
});

test('a private repo behind HTTP deploys with its token, and the doctor reads it too', async () => {
  const wanted = await push();
  await until('it is deployed', async () => (await answer()) === wanted);
  expect((await run('doctor')).out).toMatch(/^ok {3}config repo .* has branch main$/m);
  const denied = await cli(['plan'], { env: { ...env, BERTH_CONFIG_TOKEN: 'wrong' } });
  expect(denied.code).toBe(1);
  expect(denied.err).toContain('is private or misspelt (401)');
});

const FAULTS: readonly (readonly [Fault, string])[] = [
  ['html', 'answers, but not as a Git server'],
  ['unauthorized', 'is private or misspelt (401)'],
  ['not found', 'is private or misspelt (404)'],
  ['reset', "can't be reached"],
  ['server error', 'answers with 503'],
  ['empty refs', 'has no branch main'],
];

test('on bad days nothing changes, each reason is told once, and it goes on by itself', async () => {
  const before = await answer();
  const from = controller.said().length;
  const wanted = await push(FAULTS[0]?.[0]);
  for (const [fault, why] of FAULTS) {
    const asked = server.requests.length;
    server.fault = fault;
    await controller.saying(why, { from });
    await until('it asked again', () => server.requests.length >= asked + 2);
    expect(await answer()).toBe(before);
    expect(await healthOf(berth)).toMatchObject({ status: 200, ok: true });
  }
  for (const [, why] of FAULTS) expect(controller.said().slice(from).split(why)).toHaveLength(2);
  expect(controller.said().slice(from)).toMatch(/commit [0-9a-f]{7} stays in force/);
  const plan = await run('plan');
  expect(plan.code).toBe(1);
  expect(plan.out).not.toMatch(/^[+±]/m);
  expect(plan.err).toContain(FAULTS.at(-1)?.[1]);
  server.fault = undefined;
  const begun = performance.now();
  await until('the new commit is in force', async () => (await answer()) === wanted);
  console.log(`deployed ${Math.round(performance.now() - begun)} ms after the config repo was back`);
});

test('a restart while it is down keeps what runs, and a fresh data dir says what it waits for', async () => {
  const before = await answer();
  server.fault = 'server error';
  controller.kill('SIGTERM');
  expect((await controller.ended).code).toBe(0);
  begin();
  await controller.saying('stays in force');
  expect(await answer()).toBe(before);
  expect(controller.said()).not.toMatch(/ (removed|created|asked to stop): /);
  const once = await cli(['once', '--timeout', '2s'], {
    env: { ...env, BERTH_DATA_DIR: `${berth.dataDir}/other`, BERTH_LISTEN: '127.0.0.1:1' },
  });
  expect(once.code).toBe(1);
  expect(once.err).toContain('answers with 503');
  server.fault = undefined;
});

test('`once` looks at the remote first, however good its copy is', async () => {
  controller.kill('SIGTERM');
  await controller.ended;
  const wanted = await push();
  const { code, err } = await run('once');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(await answer()).toBe(wanted);
  begin();
  await controller.saying('runs: ');
});
