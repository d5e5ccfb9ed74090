import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect, promisify } from 'node:util';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { plan } from '../../controller/cli/plan.ts';
import { addIdentity, newestRecipient, readIdentities } from '../../controller/clients/identities.ts';
import { runStep } from '../../controller/core/step.ts';
import { seal } from '../../controller/manifest/sealed/seal.ts';
import { appService } from '../support/deploy-apps.ts';
import { type DeployWorld, deployWorld, type Entries, envOf } from '../support/deploy-world.ts';
import { type RecordingSocket, recordingSocket } from '../support/recording-socket.ts';
import { toldIn } from '../support/untold.ts';

const run = promisify(execFile);

let socket: RecordingSocket;
let world: DeployWorld;

beforeAll(async () => {
  socket = await recordingSocket();
  world = await deployWorld({ DOCKER_HOST: socket.path });
});

afterAll(async () => {
  await world?.end();
  await socket?.close();
});

const app = (version: string, fields: Readonly<Record<string, unknown>> = {}) =>
  appService(world.image, version, fields);

const recipient = async (): Promise<string> => newestRecipient(await readIdentities(world.berth.settings));

/** Stands for a `!sealed` value in entries. */
async function sealed(value: string, at: string, to?: string): Promise<{ readonly sealed: string }> {
  const [deployment = '', service = '', name = ''] = at.split('/');
  return { sealed: await seal(value, { deployment, service, name }, to ?? (await recipient())) };
}

/** JSON is YAML, but for the tag. */
function fileOf(deployments: Entries): string {
  const text = JSON.stringify({ deployments }, undefined, 1);
  return text.replace(/\{\s*"sealed": "([A-Za-z0-9+/=]+)"\s*\}/g, '!sealed $1');
}

async function deploy(entries: Entries): Promise<void> {
  const commit = await world.berth.commit({ 'deployments.yaml': fileOf(entries) });
  await world.berth.until('the commit is in force', ({ desired }) => desired?.commit === commit);
  await world.berth.converged();
}

/** All that anyone but the container can read: files of the data dir, labels, images, Git objects, log, report, engine URLs. */
async function allThatIsTold(deployment: string): Promise<string> {
  const { berth } = world;
  const files = await readdir(berth.dataDir, { recursive: true, withFileTypes: true });
  const texts = await Promise.all(
    files
      .filter((file) => file.isFile() && !file.parentPath.includes('/.git'))
      .map((file) => readFile(join(file.parentPath, file.name), 'latin1')),
  );
  const containers = (await world.containers(deployment)).map((container) => ({
    ...container,
    Config: { ...container.Config, Env: [] },
  }));
  const objects = await run('git', [
    '-C',
    join(berth.dataDir, 'config'),
    'cat-file',
    '--batch',
    '--batch-all-objects',
  ]);
  const printed: string[] = [];
  const print = (line: string): void => void printed.push(line);
  const io = { env: {}, cwd: berth.dataDir, stdin: process.stdin, print, complain: print };
  await plan(berth.settings, { json: true, io });
  return [
    ...[...texts, objects.stdout, ...berth.log, ...socket.requests, ...printed],
    JSON.stringify(containers),
    inspect(berth.session.runner.last, { depth: null, maxArrayLength: null, maxStringLength: null }),
    JSON.stringify([berth.status(deployment), berth.session.runner.last]),
  ].join('\n');
}

function expectUntold(told: string, value: string): void {
  expect(toldIn(told, value)).toEqual([]);
}

const CANARY = 'canary-1f7b "$(id)" `x` é\n second-line-9c2e\n';

test('a sealed value reaches its container byte for byte, and nobody else', async () => {
  const env = { SECRET: await sealed(CANARY, 'cfapp/web/SECRET'), PLAIN: 'p' };
  await deploy({ cfapp: app('v1', { env }) });
  expect(world.berth.status('cfapp')).toMatchObject({ status: 'running' });
  expect(JSON.parse(await world.body('cfapp.localhost', '/env'))).toMatchObject({
    SECRET: CANARY,
    PLAIN: 'p',
  });
  const told = await allThatIsTold('cfapp');
  expect(told).toContain('POST /containers/create?name=cfapp-web-');
  expectUntold(told, CANARY);
});

test('sealing the same value again restarts nothing, and another value does', async () => {
  const entry = async (value: string) =>
    app('v1', { env: { SECRET: await sealed(value, 'cfsame/web/SECRET') } });
  await deploy({ cfsame: await entry('value-one') });
  const first = await world.container('cfsame');
  const before = world.berth.effects.length;
  await deploy({ cfsame: await entry('value-one') });
  expect(await world.container('cfsame')).toMatchObject({
    Id: first.Id,
    State: { StartedAt: first.State.StartedAt },
  });
  expect(world.berth.effects.slice(before)).toEqual([expect.stringMatching(/^config\.keep /)]);

  await deploy({ cfsame: await entry('value-two') });
  const second = await world.container('cfsame');
  expect(second.Id).not.toBe(first.Id);
  expect(envOf(second)).toMatchObject({ SECRET: 'value-two' });
});

test('a value that can not be opened stalls its deployment alone, what runs of it stays, and the key is named', async () => {
  const good = app('v1', { env: { SECRET: await sealed('value-good', 'cfstall/web/SECRET') } });
  await deploy({ cfstall: good, cfother: app('v1') });
  const running = await world.container('cfstall');
  const foreign = await identityToRecipient(await generateIdentity());

  for (const [value, why] of [
    [
      await sealed('value-good', 'cfstall/web/SECRET', foreign),
      'was sealed for another controller, or is damaged',
    ],
    [
      await sealed('value-good', 'cfother/web/SECRET'),
      'was sealed for SECRET of cfother/web and opens nowhere else',
    ],
    [{ sealed: 'YWdl' }, 'is damaged (cut off or changed)'],
  ] as const) {
    const version = why.slice(0, 20);
    await deploy({ cfstall: app('v2', { env: { SECRET: value } }), cfother: app(version) });
    const { status, error } = world.berth.status('cfstall') ?? {};
    expect(status).toBe('failed');
    expect(error).toMatch(/^deployments\.yaml:\d+:\d+ deployments\/cfstall\/env\/SECRET: /);
    expect(error).toContain(`${why}: seal the value again with \`berth seal cfstall/web --name SECRET\``);
    expect(await world.container('cfstall')).toMatchObject({ Id: running.Id, State: { Running: true } });
    expect(await world.body('cfstall.localhost')).toBe('v1 /');
    expect(await world.body('cfother.localhost')).toBe(`${version} /`);
  }
  await deploy({ cfstall: app('v2', { env: { SECRET: await sealed('value-good', 'cfstall/web/SECRET') } }) });
  expect(await world.body('cfstall.localhost')).toBe('v2 /');
});

test('a key that is made while the controller runs opens what is sealed for it, and a restart changes nothing', async () => {
  const env = async () => ({ SECRET: await sealed('value-kept', 'cfkeys/web/SECRET') });
  await deploy({ cfkeys: app('v1', { env: await env() }) });
  const { Id } = await world.container('cfkeys');
  await addIdentity(world.berth.settings, runStep);
  await deploy({ cfkeys: app('v1', { env: await env() }) });
  expect(world.berth.status('cfkeys')).toMatchObject({ status: 'running' });
  await world.berth.restart();
  await world.berth.converged();
  expect((await world.container('cfkeys')).Id).toBe(Id);
});

/** Prints its secret in every way, and then once more over the 16 kB at which the engine cuts a line; then it ends. */
const LEAK = `
const { SECRET } = process.env;
console.error('no luck with ' + SECRET + ' at ' + encodeURIComponent(SECRET));
console.error(Buffer.from('user:' + SECRET).toString('base64') + ' ' + JSON.stringify({ SECRET }));
console.error('x'.repeat(16384 - 8) + SECRET + ' end');
process.exit(3);
`;

test('what a container tells of its secret before it ends is masked wherever it is shown', async () => {
  const secret = 'canary-5d3e "quoted" é/+';
  const env = { SECRET: await sealed(secret, 'cfleak/web/SECRET') };
  await deploy({ cfleak: { image: world.image, start: ['node', '-e', LEAK], env } });
  expect(world.berth.status('cfleak')).toMatchObject({
    status: 'failed',
    error: expect.stringContaining('[redacted] end'),
  });
  expectUntold(await allThatIsTold('cfleak'), secret);
});

test('what a build prints of a secret is masked in its log and in its error', async () => {
  const secret = 'canary-77aa-in-the-build';
  const repo = world.repo('cfbuild');
  repo.commit({
    Dockerfile: `FROM ${world.image}\nRUN echo "token ${secret}" >&2; echo "failed with ${secret}" >&2; exit 9\n`,
  });
  const env = { SECRET: await sealed(secret, 'cfbuild/web/SECRET') };
  await deploy({ cfbuild: { repo: repo.url, env } });
  expect(world.berth.status('cfbuild')).toMatchObject({
    status: 'failed',
    stage: 'build',
    error: expect.stringContaining('failed with [redacted]'),
  });
  const logs = join(world.berth.dataDir, 'logs', 'cfbuild', 'web');
  const [log = ''] = await readdir(logs);
  expect(await readFile(join(logs, log), 'utf8')).toContain('token [redacted]');
  expectUntold(await allThatIsTold('cfbuild'), secret);
});
