/** `berth reseal`: beside a running controller, and for every sort of config repo. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { run } from '../../controller/cli/program.ts';
import { addIdentity, newestRecipient, readIdentities } from '../../controller/clients/identities.ts';
import { runStep } from '../../controller/core/step.ts';
import { openSealed } from '../../controller/manifest/sealed/open.ts';
import { seal } from '../../controller/manifest/sealed/seal.ts';
import { appService } from '../support/deploy-apps.ts';
import { deployWorld, envOf } from '../support/deploy-world.ts';
import { startGitServer } from '../support/git-server.ts';
import { makeRepo, type TestRepo } from '../support/make-repo.ts';

const FILE = 'deployments.yaml';
let root: string;
let dataDir: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-reseal-test-'));
  dataDir = join(root, 'data');
  mkdirSync(dataDir);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

async function call(args: readonly string[], env: NodeJS.ProcessEnv) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await run(args, {
    env: { PATH: process.env.PATH, BERTH_DATA_DIR: dataDir, ...env },
    cwd: root,
    stdin: Readable.from([]),
    print: (line) => out.push(line),
    complain: (line) => err.push(line),
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

const place = (name: string) => ({ deployment: 'cg-blog', service: 'web', name });
const sealedNow = async (name: string, value: string, dir = dataDir): Promise<string> =>
  seal(value, place(name), await newestRecipient(await readIdentities({ dataDir: dir })));
const fileOf = (...lines: readonly string[]): string =>
  ['# kept', 'deployments:', '  cg-blog:', '    image: a', '    env:', ...lines, ''].join('\n');

/** Two values of an older key and one of the newest. */
async function makeText(): Promise<string> {
  await addIdentity({ dataDir }, runStep);
  const [one, two] = [await sealedNow('ONE', 'value one'), await sealedNow('TWO', 'value two')];
  await addIdentity({ dataDir }, runStep);
  return fileOf(
    `      ONE: !sealed ${one} # one`,
    `      TWO:   !sealed "${two}"`,
    `      NEW: !sealed ${await sealedNow('NEW', 'value new')}`,
  );
}

async function expectResealed(repo: TestRepo, before: string): Promise<void> {
  const text = `${repo.git('show', `main:${FILE}`)}\n`;
  const hidden = (of: string): string => of.replace(/[A-Za-z0-9+/]{100,}=*/g, 'sealed');
  expect(hidden(text)).toBe(hidden(before));
  const newest = (await readIdentities({ dataDir })).slice(-1);
  const found = text.match(/[A-Za-z0-9+/]{100,}=*/g) ?? [];
  const opened = ['ONE', 'TWO', 'NEW'].map((name, n) => openSealed(found[n] ?? '', place(name), newest));
  expect(await Promise.all(opened)).toEqual(['value one', 'value two', 'value new']);
}

const leftInTemp = (): readonly string[] =>
  readdirSync(tmpdir()).filter((name) => /^berth-reseal-[A-Za-z0-9]{6}$/.test(name));

test('a bare repo gets one commit, and a second run has nothing to do', async () => {
  const before = await makeText();
  const repo = makeRepo(join(root, 'config.git'));
  const head = repo.commit({ [FILE]: before, 'run.sh': { executable: 'x' } });
  const env = { BERTH_CONFIG_REPO: repo.dir };
  const temp = leftInTemp();
  const first = await call(['reseal', '--json'], env);
  expect(JSON.parse(first.out)).toEqual({
    ok: true,
    commit: repo.git('rev-parse', 'main'),
    resealed: ['deployments/cg-blog/env/ONE', 'deployments/cg-blog/env/TWO'],
    failed: [],
    fresh: 1,
  });
  expect([first.code, first.err]).toEqual([0, '']);
  expect(repo.git('log', '--format=%s', `${head}..main`)).toBe('Reseal 2 values');
  expect(repo.git('diff', '--name-only', head, 'main')).toBe(FILE);
  await expectResealed(repo, before);
  const second = await call(['reseal'], env);
  expect(second).toEqual({ code: 0, out: 'nothing to do: 3 values for the newest key', err: '' });
  expect(repo.git('rev-list', '--count', 'main')).toBe('2');
  expect(leftInTemp()).toEqual(temp);
});

test('a remote is pushed to, around somebody who pushes meanwhile', async () => {
  const before = await makeText();
  const server = await startGitServer(join(root, 'served'));
  try {
    const repo = makeRepo(join(root, 'served/config'));
    repo.commit({ [FILE]: before });
    server.login = { username: 'x-access-token', password: 'TOPSECRET' };
    let sneaks = 2;
    const theirs = before.replace('# kept', '# kept, theirs');
    server.beforePush = () => {
      // Once beside the file, then in it.
      if (sneaks-- > 0) repo.commit({ [FILE]: sneaks === 0 ? theirs : before, other: String(sneaks) });
    };
    const env = { BERTH_CONFIG_REPO: `${server.url}/config`, BERTH_CONFIG_TOKEN: 'TOPSECRET' };
    const { code, out, err } = await call(['reseal'], env);
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('resealed deployments/cg-blog/env/ONE');
    expect(out).toContain(`committed 2 values: ${repo.git('rev-parse', 'main')}`);
    expect(repo.git('show', 'main:other')).toBe('0');
    await expectResealed(repo, theirs);
    server.pushFault = 'forbidden';
    repo.commit({ [FILE]: before });
    const refused = await call(['reseal'], env);
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('may read but not write');
    expect(refused.out + refused.err).not.toContain('TOPSECRET');
  } finally {
    await server.close();
  }
});

test('what can not be opened is named, the others are resealed, and the code is 1', async () => {
  const before = await makeText();
  const other = join(root, 'other');
  mkdirSync(other);
  await addIdentity({ dataDir: other }, runStep);
  const foreign = await sealedNow('FOREIGN', 'value', other);
  const repo = makeRepo(join(root, 'config.git'));
  repo.commit({ [FILE]: `${before}      FOREIGN: !sealed ${foreign}\n` });
  const env = { BERTH_CONFIG_REPO: repo.dir };
  const first = await call(['reseal'], env);
  expect(first.code).toBe(1);
  expect(first.out).toContain('committed 2 values');
  expect(first.err).toMatch(
    /^deployments\.yaml:9:\d+ deployments\/cg-blog\/env\/FOREIGN: was sealed for another controller/,
  );
  const second = await call(['reseal'], env);
  expect([second.code, second.out]).toEqual([1, '']);
  expect(second.err).toBe(first.err);
  expect(repo.git('rev-list', '--count', 'main')).toBe('2');
});

test('without a key, a repo or a file it says what is missing', async () => {
  const repo = makeRepo(join(root, 'config.git'));
  repo.commit({ other: 'x' });
  expect((await call(['reseal'], {})).err).toContain('there is no config repo');
  expect((await call(['reseal'], { BERTH_CONFIG_REPO: repo.dir })).err).toContain('there is no key yet');
  await addIdentity({ dataDir }, runStep);
  const missing = await call(['reseal'], { BERTH_CONFIG_REPO: repo.dir });
  expect([missing.code, missing.out]).toEqual([1, '']);
  expect(missing.err).toContain('is not in the config repo');
});

test('beside a running controller it restarts nothing, and the work tree stays clean', async () => {
  const world = await deployWorld();
  try {
    const { berth } = world;
    const keys = { dataDir: berth.dataDir };
    const sealed = await sealedNow('SECRET', 'the secret value', berth.dataDir);
    const page = stringify({ deployments: { 'cg-blog': appService(world.image, 'v1') } }).replace(
      /( +)VERSION: .*/,
      (line, indent) => `${line}\n${indent}SECRET: !sealed ${sealed}`,
    );
    await berth.commit({ [FILE]: page });
    await berth.converged();
    const before = await world.container('cg-blog');
    expect(envOf(before).SECRET).toBe('the secret value');

    await addIdentity(keys, runStep);
    const { code, out } = await call(['reseal', '--json'], berth.env);
    expect(code).toBe(0);
    const { commit } = JSON.parse(out);
    expect(await berth.git('rev-parse', 'HEAD')).toBe(commit);
    expect(await berth.git('status', '--porcelain')).toBe('');
    await berth.until('the commit is in force', ({ desired }) => desired?.commit === commit);
    await berth.converged();
    expect((await world.container('cg-blog')).Id).toBe(before.Id);
    expect(await world.body('cg-blog.localhost')).toBe('v1 /');

    await addIdentity(keys, runStep);
    writeFileSync(join(berth.settings.configRepo, FILE), `${page}# mine\n`);
    const refused = await call(['reseal'], berth.env);
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('commit or discard that first');
    expect(await berth.git('diff', '--name-only')).toBe(FILE);
  } finally {
    await world.end();
  }
});
