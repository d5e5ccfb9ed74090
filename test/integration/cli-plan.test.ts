/** `berth plan`: what a pass would do, in words, with no trace of having looked. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Berth, startBerth } from '../support/berth.ts';
import { cli } from '../support/cli.ts';
import { buildDist } from '../support/dist.ts';
import { entry, fileOf } from '../support/entries.ts';
import { makeRepo } from '../support/make-repo.ts';
import { type RecordingSocket, recordingSocket } from '../support/recording-socket.ts';
import { tinyImage } from '../support/tiny-image.ts';

let berth: Berth;
let image: string;
let socket: RecordingSocket;
let dir: string;

const plan = (...args: readonly string[]) =>
  cli(['plan', ...args], { env: { ...berth.env, DOCKER_HOST: `unix://${socket.path}` } });

beforeAll(async () => {
  image = await tinyImage();
  await buildDist();
  socket = await recordingSocket();
  dir = await mkdtemp(join(tmpdir(), 'berth-plan-test-'));
  berth = await startBerth({ BERTH_PORTS: '7400-7449' });
  await berth.commit({ 'deployments.yaml': fileOf(entry('oplan', image, 'first')) });
  await berth.converged();
});

afterAll(async () => {
  try {
    await berth.tearDown();
  } finally {
    await socket.close();
    await rm(dir, { recursive: true, force: true });
  }
});

/** Every file of a directory with its time and content, every directory with its time. */
function snapshot(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const { mtimeMs } = statSync(path);
      const content = entry.isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : '';
      return `${path} ${mtimeMs} ${content}`;
    })
    .sort();
}

test('beside a controller that has done its work there is nothing to do', async () => {
  const before = snapshot(berth.dataDir);
  expect(await plan()).toMatchObject({ code: 0, out: 'nothing to do\n', err: '' });
  const { code, out } = await plan('--json');
  expect({ code, ...JSON.parse(out) }).toEqual({
    code: 0,
    commit: await berth.git('rev-parse', 'HEAD'),
    actions: [],
    held: [],
    errors: [],
  });
  expect(snapshot(berth.dataDir)).toEqual(before);
});

test('a file that is not applied yet is told line by line, and nothing is changed by telling', async () => {
  await berth.stop();
  await berth.commit({
    'deployments.yaml': fileOf(entry('oplan', image, 'pl4n-s3cret'), entry('onew', image)),
  });
  const before = snapshot(berth.dataDir);
  socket.requests.length = 0;
  const { code, out, err } = await plan();
  expect({ code, err }).toEqual({ code: 2, err: '' });
  expect(out.trim().split('\n')).toEqual([
    '+ network berth-onew  its services talk over it',
    expect.stringMatching(/^\+ port 74\d\d {2}for onew-web-[0-9a-f]{8}$/),
    expect.stringMatching(/^\+ port 74\d\d {2}for oplan-web-[0-9a-f]{8}$/),
    expect.stringMatching(/^\+ instance onew-web-[0-9a-f]{8} {2}new service$/),
    expect.stringMatching(/^\+ instance oplan-web-[0-9a-f]{8} {2}new version$/),
    '+ vhost onew  onew.localhost shows the deploying page',
    '6 to create, 0 to update, 0 to delete',
  ]);
  const json = await plan('--json');
  expect(json.code).toBe(2);
  expect(JSON.parse(json.out).actions[0]).toEqual({
    verb: 'create',
    kind: 'network',
    key: 'berth-onew',
    deployment: 'onew',
    why: 'its services talk over it',
  });
  expect(out + json.out).not.toContain('s3cret');
  expect(snapshot(berth.dataDir)).toEqual(before);
  expect(socket.requests.filter((line) => !line.startsWith('GET '))).toEqual([]);
  expect(socket.requests.length).toBeGreaterThan(4);

  await berth.restart();
  await berth.converged();
  const keys = [...out.matchAll(/instance (\S+)/g)].map(([, key]) => `instance ${key} created`);
  expect(keys).toHaveLength(2);
  for (const key of keys) expect(berth.log.join('\n')).toContain(key);
});

test('a removed entry is told by its kinds, in the order they go', async () => {
  await berth.stop();
  await berth.commit({ 'deployments.yaml': fileOf(entry('oplan', image, 'pl4n-s3cret')) });
  const { code, out } = await plan();
  expect(code).toBe(2);
  expect(out.split('\n').map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
    '- vhost',
    '- instance',
    '- network',
    '0 to',
    '',
  ]);
  await berth.restart();
  await berth.converged();
});

test('a wrong file: every error, exit 1, on the other stream', async () => {
  await berth.commit({
    'deployments.yaml': `deployments:\n  oplan: { image: "${image}", prot: 1 }\n  oother: { port: 80, repo: . }\n`,
  });
  const { code, out, err } = await plan();
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toContain('deployments.yaml:2:');
  expect(err).toContain('deployments.yaml:3:');
  const json = await plan('--json');
  expect(json.code).toBe(1);
  expect(JSON.parse(json.out).errors).toEqual(err.trim().split('\n'));
  await berth.commit({ 'deployments.yaml': 'deployments: [' });
  const broken = await plan();
  expect(broken.code).toBe(1);
  expect(broken.err).toMatch(/^deployments\.yaml:1:/);
});

test('without a data dir it says how to begin, or plans a repo that is named, and makes none', async () => {
  const env = { ...berth.env, BERTH_DATA_DIR: join(dir, 'none'), BERTH_OWNER: 'oplan-nobody' };
  const first = await cli(['plan'], { env });
  expect(first).toMatchObject({ code: 1, out: '' });
  expect(first.err).toBe(
    `berth: there is no config repo at ${join(dir, 'none/config')} yet: \`berth start\` makes one\n`,
  );
  const repo = makeRepo(join(dir, 'config.git'));
  repo.commit({ 'deployments.yaml': fileOf(entry('ofresh', image)) });
  const before = snapshot(repo.dir);
  const { code, out } = await cli(['plan'], { env: { ...env, BERTH_CONFIG_REPO: repo.dir } });
  expect(out).toMatch(/^\+ instance ofresh-web-[0-9a-f]{8} {2}new service$/m);
  expect(code).toBe(2);
  expect(existsSync(join(dir, 'none'))).toBe(false);
  expect(snapshot(repo.dir)).toEqual(before);
});
