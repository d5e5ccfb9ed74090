/**
 * The catalogue of bad repos (RELIABILITY B60–B84) as whole deployments, all in one commit beside a good one: each fails
 * alone with a sentence that says what to do, nothing of this machine is read or run, and nobody is asked who should not be.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Berth, startBerth } from '../support/berth.ts';
import { type GitServer, startCanary, startGitServer } from '../support/git-server.ts';
import { type Files, LFS_POINTER, makeRepo, type TestRepo } from '../support/make-repo.ts';
import { tinyImage } from '../support/tiny-image.ts';

/** Stands in a file of this machine that no repo may reach. */
const SECRET = `host-secret-${process.pid}-${Date.now()}`;
const TOKEN = 'ghp_thistokenmustnotbeshown';

let root: string;
let berth: Berth;
let git: GitServer;
let redirector: GitServer;
let canary: GitServer;
let rows: readonly Row[];

interface Row {
  readonly id: string;
  readonly name: string;
  readonly fields: string;
  /** What the status says, in part. */
  readonly says: readonly string[];
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'berth-hostile-'));
  writeFileSync(join(root, 'secret'), SECRET);
  git = await startGitServer(join(root, 'served'));
  redirector = await startGitServer(join(root, 'served'));
  canary = await startCanary();
  redirector.redirectTo = canary.origin;
  const image = await tinyImage();
  berth = await startBerth({
    BERTH_GIT_ALLOW: `127.0.0.1:${git.port},127.0.0.1:${redirector.port}`,
    BERTH_BUILDS: '4',
    BERTH_INTERVAL: '10s',
  });
  rows = makeRows(image);
  const entries = rows.map(({ name, fields }) => `  ${name}: { ${fields} }\n`).join('');
  await berth.commit({ 'deployments.yaml': `deployments:\n${entries}${good(image)}` });
});

afterAll(async () => {
  await berth.tearDown();
  await Promise.all([git, redirector, canary].map((server) => server.close()));
  await rm(root, { recursive: true, force: true });
});

const good = (image: string): string =>
  `  xgood: { image: '${image}', start: [node, -e, "require('http').createServer((q, r) => r.end('good')).listen(process.env.PORT)"] }\n`;

function repo(name: string, files: Files): string {
  return url(name, makeRepo(join(root, 'served', name)).commit(files) && name);
}

/** A repo whose tree Git itself would refuse to make. */
function handmade(name: string, tree: (repo: TestRepo) => string): string {
  const made = makeRepo(join(root, 'served', name));
  made.commitTree(tree(made));
  return url(name);
}

function url(name: string, path = name): string {
  return `repo: '${git.url}/${path}'`;
}

function makeRows(image: string): readonly Row[] {
  const at = (host: string): string => `repo: 'https://${host}:${canary.port}/x'`;
  const plain: Files = { Dockerfile: `FROM ${image}\nCMD ["node", "-v"]\n` };
  const host = join(root, 'secret');
  const flat = (text: string): string => `${text}\n`;
  const entry = (repo: TestRepo, mode: string, name: string) => ({ mode, name, oid: repo.blob('x') });
  const file = (name: string) => (made: TestRepo) =>
    made.tree([
      { mode: '100644', name: 'Dockerfile', oid: made.blob(plain.Dockerfile as string) },
      entry(made, '100644', name),
    ]);
  const below = (name: string) => (made: TestRepo) =>
    made.tree([
      { mode: '100644', name: 'Dockerfile', oid: made.blob(plain.Dockerfile as string) },
      { mode: '40000', name, oid: made.tree([entry(made, '100644', 'config')]) },
    ]);
  // biome-ignore format: one row, one line
  const table: readonly (readonly [id: string, fields: string, ...says: string[]])[] = [
    ['B60', `repo: '--upload-pack=touch ${root}/pwned'`, 'repo: must not hold spaces'],
    ['B60', `repo: '-oProxyCommand=touch ${root}/pwned'`, 'repo: must not hold spaces'],
    ...['ext::sh -c id', 'file:///etc', 'ssh://git@github.com/x/y', 'git@github.com:x/y', 'git://github.com/x/y', 'ftp://github.com/x', 'javascript:alert(1)', 'foo https://github.com/x/y'].map((text) => ['B61', `repo: '${text}'`, text.includes(' ') ? 'repo: must not hold spaces' : 'repo: must be an https:// URL'] as const),
    ['B63', `repo: 'https://github.com@127.0.0.1:${canary.port}/x'`, 'must not hold a user name or token'],
    ...['127.0.0.1', 'localhost', '2130706433', '0x7f.1', '[::1]', '[::ffff:127.0.0.1]'].map((name) => ['B64', at(name), /^\d/.test(name) && name !== '127.0.0.1' ? 'write its name' : 'BERTH_GIT_ALLOW'] as const),
    ['B64', `repo: 'http://127.0.0.1:${canary.port}/x'`, 'BERTH_GIT_ALLOW'],
    ['B66', `repo: 'http://127.0.0.1:${redirector.port}/x'`, 'redirects elsewhere'],
    ['B67', `repo: 'http://user:${TOKEN}@127.0.0.1:${git.port}/x'`, 'must not hold a user name or token'],
    ['B68', repo('dockerlink', { Dockerfile: { link: host } }), 'Dockerfile', 'link'],
    ['B68', repo('dockerchain', { Dockerfile: { link: 'other' }, other: { link: host } }), 'Dockerfile', 'link'],
    ['B68', `${repo('pathlink', { src: { link: root } })}, path: src`, 'src'],
    ['B68', repo('packagelink', { 'package.json': { link: host } }), 'package.json', 'link'],
    ['B68', `${repo('parentlink', { a: { link: '../../..' }, x: '1' })}, path: a/etc`, 'a'],
    ['B70', handmade('dotdot', below('..')), '..'],
    ['B70', handmade('dotgit', below('.git')), '.git'],
    ['B70', handmade('dotGIT', below('.GIT')), "contains '.git'"],
    ['B70', handmade('slash', file('a/../b')), 'b'],
    ['B72', `${repo('outside', plain)}, build: { dockerfile: ../../etc/passwd }`, 'dockerfile'],
    ['B72', `${repo('absolute', plain)}, build: { dockerfile: /etc/passwd }`, 'dockerfile'],
    ['B72', `${repo('missing', plain)}, build: { dockerfile: prod.Dockerfile }`, 'prod.Dockerfile', 'does not exist'],
    ['B72', `${repo('directory', { 'docker/x': '1' })}, build: { dockerfile: docker }`, 'docker', 'is a directory'],
    ['B72', repo('large', { Dockerfile: `FROM ${image}\n#${'x'.repeat(2 ** 20)}` }), 'larger than 1 MiB'],
    ['B72', `${repo('outsidepath', plain)}, path: ../../etc`, 'path'],
    ['B73', repo('submodule', { ...plain, '.gitmodules': '[submodule "s"]\n\tpath = s\n\turl = https://example.com/s\n', s: { submodule: 'a'.repeat(40) } }), 'submodule'],
    ['B73', repo('lfs', { ...plain, 'logo.png': LFS_POINTER }), 'LFS', 'logo.png'],
    ['B77', `${repo('branch', plain)}, branch: '--help'`, 'branch'],
    ['B77', `${repo('dots', plain)}, branch: 'a..b'`, 'branch'],
    ['B77', `${repo('nobranch', plain)}, branch: nowhere`, 'branch', 'nowhere'],
    ['B77', `${repo('notag', plain)}, tag: v9`, 'tag', 'v9'],
    ['B77', `${repo('nocommit', plain)}, commit: '${'b'.repeat(40)}'`, 'the commit is not there'],
    ['B79', `${repo('newline', { 'index.js': '1', 'package.json': '{}' })}, build: { command: "npm run x\\nRUN touch /pwned" }`, 'command'],
    ['B80', repo('cobol', { 'main.cob': 'DISPLAY "HI".' }), 'no way to build', 'package.json', 'go.mod'],
    ['B80', repo('empty', {}), 'no way to build'],
    ['B81', repo('noimage', { Dockerfile: 'FROM 127.0.0.1:9/nobody/nothing:1\n' }), 'nobody/nothing'],
    ['B81', repo('syntax', { Dockerfile: 'HELLO world\n' }), 'HELLO'],
    ['B83', `${repo('privileged', plain)}, privileged: true`, 'privileged'],
    ['B83', `${repo('hostnet', plain)}, network_mode: host`, 'network_mode'],
    ['B83', `${repo('sock', plain)}, volumes: { data: /var/run/docker.sock, s: '/var/run/docker.sock:/x' }`, 'volumes'],
  ];
  return table.map(([id, fields, ...says], index) => ({
    id,
    name: `x${String(index).padStart(2, '0')}`,
    fields: flat(fields).trim(),
    says,
  }));
}

test('the good one beside them is up before the last of them has failed', async () => {
  await berth.until('the good one runs', () => berth.status('xgood')?.status === 'running', 60_000);
  expect(await berth.get('xgood.localhost')).toMatchObject({ status: 200, body: 'good' });
});

test('each of them fails, and its status says why and what to do', async () => {
  const failed = (): boolean => rows.every(({ name }) => berth.status(name)?.status === 'failed');
  await berth.until('all have failed', failed, 90_000).catch(() => undefined);
  const told = rows.map(({ id, name, fields, says }) => {
    const { status, error = '' } = berth.status(name) ?? {};
    const missing = says.filter((words) => !error.includes(words));
    const fine = status === 'failed' && missing.length === 0;
    return fine ? '' : `${id} ${fields}\n  is ${status} and lacks ${missing.join(', ')}: ${error}`;
  });
  expect(told.filter((line) => line !== '')).toEqual([]);
});

test('nobody was asked but the hosts that are allowed, and nothing was run or read on this machine', async () => {
  expect(canary.requests).toEqual([]);
  expect(existsSync(join(root, 'pwned'))).toBe(false);
  const state = readFileSync(join(berth.dataDir, 'state.json'), 'utf8');
  const shown = [
    state,
    ...berth.log,
    ...rows.map(({ name }) => berth.status(name)?.error),
    ...buildLogs(),
  ].join('\n');
  expect(shown).not.toContain(SECRET);
  expect(shown).not.toContain(TOKEN);
  expect(shown).not.toContain('root:x:0:0');
});

test('the failed ones rest: nothing is tried again and again', async () => {
  await berth.converged();
});

test('a directory that becomes a link in a later commit is refused, and what runs goes on', async () => {
  const app = `require('http').createServer((q, r) => r.end('mine')).listen(process.env.PORT)`;
  const turncoat = makeRepo(join(root, 'served/turncoat'));
  turncoat.commit({
    'app/Dockerfile': `FROM ${await tinyImage()}\nCMD ["node", "-e", ${JSON.stringify(app)}]\n`,
  });
  await berth.commit({ 'deployments.yaml': `deployments:\n  xturn: { ${url('turncoat')}, path: app }\n` });
  await berth.converged();
  turncoat.commit({ app: { link: root } });
  await berth.session.real.sources.poll();
  await berth.until(
    'it says so',
    () => berth.status('xturn')?.error?.includes('app is a symbolic link') ?? false,
  );
  await berth.converged();
  expect(await berth.get('xturn.localhost')).toMatchObject({ status: 200, body: 'mine' });
});

function buildLogs(): readonly string[] {
  const dir = join(berth.dataDir, 'logs');
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.log'),
  );
  return files.map((file) => readFileSync(join(dir, file), 'utf8'));
}
