/** Removing an entry: everything of it goes, from wherever it is, its volumes are archived first, and a revert brings it back. */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Berth, left, startBerth } from '../support/berth.ts';
import { freePort } from '../support/free-port.ts';
import { type GitServer, startGitServer } from '../support/git-server.ts';
import { makeRepo } from '../support/make-repo.ts';
import { tinyImage } from '../support/tiny-image.ts';

const run = promisify(execFile);
const EMPTY = { 'deployments.yaml': 'deployments: {}\n' };

let root: string;
let git: GitServer;
let image: string;
let berth: Berth;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'berth-deletion-'));
  git = await startGitServer(join(root, 'served'));
  image = await tinyImage();
});

afterAll(async () => {
  await git.close();
  await rm(root, { recursive: true, force: true });
});

beforeEach(async () => {
  berth = await startBerth({ BERTH_GIT_ALLOW: `127.0.0.1:${git.port}`, BERTH_BUILDS: '2' });
});

afterEach(() => berth.tearDown());

/** A server as one line of shell-free words: answers `text`, and keeps what is posted in /data/kept. */
const app = (text: string): string =>
  `[node, -e, "const f = require('fs'); require('http').createServer((q, r) => { q.on('data', (d) => f.appendFileSync('/data/kept', d)); q.on('end', () => r.end('${text}')); }).listen(process.env.PORT); process.on('SIGTERM', () => process.exit())"]`;

const entry = (name: string, fields: string): string => `  ${name}: { image: '${image}', ${fields} }\n`;
const file = (...entries: readonly string[]) => ({ 'deployments.yaml': `deployments:\n${entries.join('')}` });

function post(hostname: string, path: string, body: string): Promise<string> {
  const { port } = berth.settings.http;
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method: 'POST', headers: { host: hostname } };
    const asked = request(options, async (answer) =>
      resolve(Buffer.concat(await answer.toArray()).toString()),
    );
    asked.on('error', reject).end(body);
  });
}

async function answers(hostname: string, body: string): Promise<void> {
  expect(await berth.get(hostname)).toMatchObject({ status: 200, body });
}

/** The one receipt of a deployment, once there is one. */
async function receiptOf(name: string): Promise<readonly string[]> {
  const { store } = berth.session.real.clients;
  const found = () => store.state.receipts.filter(({ deployment }) => deployment === name);
  await berth.until(`the receipt of ${name}`, () => found().length > 0, 60_000);
  expect(found()).toHaveLength(1);
  return found()[0]?.removed ?? [];
}

async function nothingLeft(name: string): Promise<void> {
  expect((await left(berth.owner, berth.dataDir)).filter((line) => line.includes(name))).toEqual([]);
}

test('two services with a volume, a pinned port and failed builds go without a trace, and a revert brings them back', async () => {
  const pinned = await freePort();
  const broken = makeRepo(join(root, 'served/broken'));
  broken.commit({ Dockerfile: `FROM ${image}\nRUN exit 3\n` });
  const working = makeRepo(join(root, 'served/working'));
  working.commit({
    Dockerfile: `FROM ${image}\nCMD ${app('built')
      .replaceAll('"', "'")
      .replace(/^\[node, -e, '/, '["node","-e","')
      .replace(/'\]$/, '"]')}\n`,
  });
  await berth.commit({
    'deployments.yaml': `deployments:
  xdel:
    services:
      web: { repo: '${git.url}/working', port: ${pinned} }
      store: { image: '${image}', start: ${app('kept')}, volumes: { files: /data }, health: { path: / } }
      never: { repo: '${git.url}/broken' }
    routes: { /: web, /store/: store }
`,
  });
  await berth.until(
    'it runs but for one',
    () => berth.status('xdel')?.error?.includes('exit') ?? false,
    90_000,
  );
  await berth.converged();
  expect(await berth.get('xdel.localhost')).toMatchObject({ body: 'built' });
  expect(await berth.get('anything', '/', pinned)).toMatchObject({ body: 'built' });
  const content = `line one\n${'x'.repeat(5000)}\n`;
  expect(await post('xdel.localhost', '/store/', content)).toBe('kept');
  await berth.commit(EMPTY);
  const removed = await receiptOf('xdel');
  const kinds = [...new Set(removed.map((line) => line.split(' ')[0]))].sort();
  expect(kinds).toEqual(['image', 'instance', 'logs', 'network', 'port', 'vhost', 'volume']);
  expect(removed).toContain('volume berth-xdel-files');
  expect(removed).toContain(`port ${pinned}`);
  await berth.converged();
  expect(await left(berth.owner, berth.dataDir)).toEqual([]);
  await expect(berth.get('anything', '/', pinned)).rejects.toThrow('ECONNREFUSED');

  const archives = (await readdir(join(berth.dataDir, 'archive'))).filter((name) =>
    name.startsWith('berth-xdel-files-'),
  );
  expect(archives).toHaveLength(1);
  const archive = join(berth.dataDir, 'archive', String(archives[0]));
  expect((await run('tar', ['-xzOf', archive, './kept'])).stdout).toBe(content);

  await berth.git('revert', '--no-edit', 'HEAD');
  await berth.until('it is back', () => berth.status('xdel')?.error?.includes('exit') ?? false, 90_000);
  await berth.converged();
  expect(await berth.get('anything', '/', pinned)).toMatchObject({ body: 'built' });
  expect(existsSync(archive)).toBe(true);
});

test('an entry that leaves in the middle of its build leaves nothing, and no image comes later', async () => {
  makeRepo(join(root, 'served/long')).commit({
    Dockerfile: `FROM ${image}\nRUN ["node", "-e", "setTimeout(() => {}, 20000)"]\n`,
  });
  await berth.commit(file(`  xbuild: { repo: '${git.url}/long' }\n`));
  const building = (): boolean => {
    const { image: images } = berth.session.runner.last?.observed ?? {};
    return (
      Array.isArray(images) &&
      images.some(({ deployment, state }) => deployment === 'xbuild' && state === 'building')
    );
  };
  await berth.until('it is being built', building);
  const begun = performance.now();
  await berth.commit(EMPTY);
  expect(await receiptOf('xbuild')).toEqual(expect.arrayContaining(['network berth-xbuild', 'logs xbuild']));
  expect(performance.now() - begun).toBeLessThan(15_000);
  await berth.converged();
  await nothingLeft('xbuild');
});

test('an entry that leaves while its first instance is still starting leaves nothing', async () => {
  const slow = `start: [node, -e, "setTimeout(() => require('http').createServer((q, r) => r.end('late')).listen(process.env.PORT), 15000)"]`;
  await berth.commit(file(entry('xstart', slow)));
  const started = (): boolean => {
    const { instance } = berth.session.runner.last?.observed ?? {};
    return Array.isArray(instance) && instance.some(({ deployment }) => deployment === 'xstart');
  };
  await berth.until('its container is there', started);
  await berth.commit(EMPTY);
  await receiptOf('xstart');
  await berth.converged();
  await nothingLeft('xstart');
});

test('an entry that leaves while an older version drains takes both with it', async () => {
  await berth.commit(file(entry('xdrain', `start: ${app('one')}, volumes: { d: /data }, strategy: rolling`)));
  await berth.converged();
  await berth.commit(file(entry('xdrain', `start: ${app('two')}, volumes: { d: /data }, strategy: rolling`)));
  await berth.until('the older one drains', () => berth.status('xdrain')?.stage === 'draining');
  await berth.commit(EMPTY);
  const removed = await receiptOf('xdrain');
  expect(removed.filter((line) => line.startsWith('instance '))).toHaveLength(2);
  await berth.converged();
  await nothingLeft('xdrain');
});

test('entries that never worked go like any other', async () => {
  await berth.commit(
    file(
      entry('xcrash', `start: [node, -e, "process.exit(1)"], health: { timeout: 2s }`),
      `  xnone: { repo: '${git.url}/absent' }\n`,
      `  xpull: { image: '127.0.0.1:9/nobody/nothing:1' }\n`,
    ),
  );
  const names = ['xcrash', 'xnone'];
  await berth.until(
    'they have failed',
    () => names.every((name) => berth.status(name)?.status === 'failed'),
    60_000,
  );
  await berth.commit(EMPTY);
  for (const name of [...names, 'xpull']) await receiptOf(name);
  await berth.converged();
  for (const name of [...names, 'xpull']) await nothingLeft(name);
});

test('removed and added again in quick succession, it runs in the end as the last commit says', async () => {
  for (const word of ['one', 'two', 'three']) {
    await berth.commit(file(entry('xagain', `start: ${app(word)}, volumes: { d: /data }`)));
    await sleep(word === 'one' ? 1500 : 300);
    await berth.commit(EMPTY);
    await sleep(200);
  }
  await berth.commit(file(entry('xagain', `start: ${app('last')}, volumes: { d: /data }`)));
  await berth.converged();
  await answers('xagain.localhost', 'last');
});

test('renamed, the new name runs and nothing of the old one is left', async () => {
  await berth.commit(file(entry('xold', `start: ${app('same')}, volumes: { d: /data }`)));
  await berth.converged();
  await berth.commit(file(entry('xnew', `start: ${app('same')}, volumes: { d: /data }`)));
  await receiptOf('xold');
  await berth.converged();
  await answers('xnew.localhost', 'same');
  expect((await berth.get('xold.localhost').catch(() => ({ status: 0 }))).status).not.toBe(200);
  await nothingLeft('xold');
});
