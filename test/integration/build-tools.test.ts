import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTree } from '../../controller/clients/git/tree.ts';
import { type BuildWorld, buildWorld } from '../support/build-world.ts';
import { makeRepo } from '../support/make-repo.ts';

const SERVER = `require('http').createServer((_, r) => r.end(require('ms')('1s') + '')).listen(process.env.PORT)`;
const appOf = (packageManager: string) => ({
  'package.json': JSON.stringify({
    packageManager,
    scripts: { build: 'node -e 1', start: 'node server.js' },
    dependencies: { ms: '2.1.3' },
    devDependencies: { semver: '7.6.3' },
  }),
  'server.js': SERVER,
});

describe('a Node app', { timeout: 300_000 }, () => {
  let world: BuildWorld;
  let dir = '';
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-tools-'));
    world = await buildWorld({ classic: false });
  });
  afterAll(async () => {
    await world?.end();
    await rm(dir, { recursive: true, force: true });
  });

  it.each([
    ['pnpm', 'pnpm@9.15.0', {}],
    ['yarn', 'yarn@1.22.22', {}],
    ['berry', 'yarn@4.5.3', { '.yarnrc.yml': 'nodeLinker: node-modules\nenableImmutableInstalls: false\n' }],
  ])('of %s is installed by it', async (name, packageManager, more) => {
    const want = world.start(
      name,
      { ...appOf(packageManager), ...more },
      name === 'berry' ? { install: 'yarn install' } : {},
    );
    await world.built(want.key);
    expect(await (await (await world.serve(want.key)).get('/')).text()).toBe('1000');
  });

  it('comes straight from a Git repository, its lockfile copied ahead', async () => {
    const repo = makeRepo(join(dir, 'repo.git'));
    const lock = {
      name: 'app',
      lockfileVersion: 3,
      requires: true,
      packages: {
        '': { name: 'app', dependencies: { ms: '2.1.3' } },
        'node_modules/ms': { version: '2.1.3' },
      },
    };
    const packageJson = JSON.stringify({ name: 'app', main: 'server.js', dependencies: { ms: '2.1.3' } });
    const files = {
      'package.json': packageJson,
      'package-lock.json': JSON.stringify(lock),
      'server.js': SERVER,
    };
    const commit = await repo.commit(files);
    const tree = createTree({ gitDir: join(dir, 'repo.git'), subject: 'the repo' }, commit);
    const want = world.start('git', tree);
    await world.built(want.key);
    expect(await (await (await world.serve(want.key)).get('/')).text()).toBe('1000');
    expect(await world.text(want)).toMatch(/plan: node 20, npm ci, node server\.js/);
  });
});
