/** Each folder below examples/ is a config repo: here it is one, file by file, and answers as its comments say. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, type Berth, startBerth } from '../support/berth.ts';

type Files = Readonly<Record<string, string>>;

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));

let berth: Berth;

beforeAll(async () => {
  berth = await startBerth();
});

afterAll(() => berth.tearDown());

async function filesOf(example: string): Promise<Files> {
  const dir = join(EXAMPLES, example);
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const read = async (path: string) => [path.slice(dir.length + 1), await readFile(path, 'utf8')] as const;
  return Object.fromEntries(await Promise.all(paths.map(read)));
}

/** Makes the config repo hold these files and no others. */
async function deploy(files: Files): Promise<void> {
  const there = (await berth.git('ls-files')).split('\n').filter((path) => !(path in files));
  await berth.commit({ ...Object.fromEntries(there.map((path) => [path, null])), ...files });
  await berth.converged();
}

function changed(files: Files, path: string, from: string, to: string): Files {
  const text = files[path] ?? '';
  expect(text, `${path} has what is to be changed`).toContain(from);
  return { ...files, [path]: text.replace(from, to) };
}

const pinned = (port: number, path: string): Promise<Answer> => berth.get('127.0.0.1', path, port);

test('hello greets, and greets otherwise after a commit', async () => {
  // Under another name, because whoever ran `npm start` on this machine has a `hello` already.
  const files = changed(await filesOf('hello'), 'deployments.yaml', '  hello:', '  ehello:');
  await deploy(files);
  const first = await berth.get('ehello.localhost');
  expect(first).toMatchObject({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8' } });
  expect(first.body).toContain('<h1>Hello from Berth</h1>');

  await deploy(changed(files, 'deployments.yaml', 'Hello from Berth', 'Good <morning>'));
  expect((await berth.get('ehello.localhost')).body).toContain('<h1>Good &#60;morning&#62;</h1>');

  await deploy(changed(files, 'apps/hello/server.js', 'Change it, commit', 'Changed it, committed'));
  expect((await berth.get('ehello.localhost')).body).toContain('Changed it, committed');
});

test('caresync has its front end on / and its back end on /api/, without that prefix', async () => {
  await deploy(await filesOf('caresync'));
  const page = await berth.get('caresync.localhost');
  expect(page).toMatchObject({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8' } });
  expect(page.body).toContain("fetch('/api/patients')");
  const patients = await berth.get('caresync.localhost', '/api/patients');
  expect(patients).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
  expect(JSON.parse(patients.body)).toHaveLength(2);
  expect(await berth.get('caresync.localhost', '/api/elsewhere')).toMatchObject({ status: 404 });
  expect((await berth.get('ehello.localhost')).status, 'hello is gone').toBe(421);
});

test('both services of caresync answer on ports of their own, and a redeploy keeps them', async () => {
  const files = await filesOf('caresync');
  await deploy(files);
  expect((await pinned(2998, '/')).body).toContain('<h1>CareSync</h1>');
  const before = await pinned(2999, '/patients');
  expect(JSON.parse(before.body)).toMatchObject([{ name: 'Ada' }, { name: 'Grace' }]);
  // Straight to the service: there is no prefix to cut off.
  expect(await pinned(2999, '/api/patients')).toMatchObject({ status: 404 });

  const client = changed(files, 'client/server.js', '<h1>CareSync</h1>', '<h1>CareSync 2</h1>');
  await deploy(changed(client, 'server/server.js', "'Grace'", "'Edith'"));
  expect((await pinned(2998, '/')).body).toContain('<h1>CareSync 2</h1>');
  expect((await pinned(2999, '/patients')).body).toContain('Edith');
  expect((await berth.get('caresync.localhost', '/api/patients')).body).toContain('Edith');
});

test('static serves its files with its header, and its own page for what is not there', async () => {
  await deploy(await filesOf('static'));
  const page = await berth.get('pages.localhost');
  expect(page).toMatchObject({ status: 200, headers: { 'cache-control': 'max-age=60' } });
  expect(page.body).toContain('<h1>Only files</h1>');
  const style = await berth.get('pages.localhost', '/style.css');
  expect(style).toMatchObject({ status: 200, headers: { 'cache-control': 'max-age=60' } });
  expect(style.headers['content-type']).toMatch(/^text\/css/);
  const missing = await berth.get('pages.localhost', '/nowhere');
  expect(missing.status).toBe(404);
  expect(missing.body).toContain('<h1>Not here</h1>');
});

test('when caresync has left, nobody listens on its ports any more', async () => {
  await expect(pinned(2998, '/')).rejects.toThrow('ECONNREFUSED');
  await expect(pinned(2999, '/')).rejects.toThrow('ECONNREFUSED');
});
