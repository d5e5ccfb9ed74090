import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBuilder } from '../../controller/build/queue.ts';
import type { Builder } from '../../controller/build/types.ts';
import { createDockerEngine } from '../../controller/clients/engine/docker.ts';
import type { Engine, LogLine } from '../../controller/clients/engine/types.ts';
import type { State, Store } from '../../controller/clients/types.ts';
import { runStep } from '../../controller/core/step.ts';
import type { BuildSpec, ImageWant } from '../../controller/core/types.ts';
import { nodeImage } from '../support/engine-images.ts';
import { type MemoryFile, memoryTree } from '../support/memory-tree.ts';

type Files = Readonly<Record<string, MemoryFile>>;

const run = promisify(execFile);
const docker = async (...args: readonly string[]) => (await run('docker', [...args])).stdout.trim();

describe.each(['BuildKit', 'classic'] as const)('a build with %s', { timeout: 300_000 }, (builderName) => {
  const owner = `test-build-${randomBytes(4).toString('hex')}`;
  const repos = new Map<string, Files>();
  let dir = '';
  let base = '';
  let engine: Engine;
  let builder: Builder;
  let store: Store;
  const order: string[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-build-'));
    const classic = builderName === 'classic';
    engine = createDockerEngine({ dockerHost: '/var/run/docker.sock', owner, step: runStep, classic });
    base = await nodeImage(engine);
    const empty: State = {
      version: 1,
      ports: [],
      failures: [],
      givenUp: [],
      removals: {},
      passes: [],
      receipts: [],
    };
    const memory = {
      state: empty,
      async update(change: (state: State) => State) {
        memory.state = change(memory.state);
      },
    };
    store = memory;
    builder = createBuilder({
      engine: { ...engine, pull: () => Promise.reject(new Error('no registry in tests')) },
      store,
      open: async (repo) => memoryTree(repos.get(repo) ?? {}),
      owner,
      step: runStep,
      logDir: dir,
      builds: 1,
      onChange: () => {
        for (const row of builder.rows())
          if (row.state === 'building' && order.at(-1) !== row.key) order.push(row.key);
      },
    });
  });

  afterAll(async () => {
    await builder?.close();
    for (const name of (await docker('ps', '-aq', '--filter', `label=berth.test=${owner}`))
      .split('\n')
      .filter(Boolean)) {
      await docker('rm', '-f', name);
    }
    for (const { key, deployment } of await engine.images())
      if (deployment !== '') await engine.removeImage(key);
    await rm(dir, { recursive: true, force: true });
  });

  function start(name: string, files: Files, build: BuildSpec = {}): ImageWant {
    repos.set(name, files);
    const from = { kind: 'build', repo: name, commit: 'a'.repeat(40), path: '.', build } as const;
    const want = { key: `berth/${owner}-${name}:1-1`, deployment: `${owner}-${name}`, service: 'web', from };
    builder.start(want);
    return want;
  }

  const row = (key: string) => builder.rows().find((other) => other.key === key);
  const built = async (key: string): Promise<void> => {
    await expect
      .poll(() => row(key)?.state, { timeout: 240_000, interval: 100 })
      .toBeOneOf([undefined, 'failed']);
    expect(row(key)?.error).toBeUndefined();
    expect(await engine.hasImage(key)).toBe(true);
  };
  const logOf = async ({ deployment }: ImageWant): Promise<readonly LogLine[]> =>
    (await readFile(join(dir, deployment, 'web', '1-1.log'), 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  const textOf = async (want: ImageWant) => (await logOf(want)).map(({ text }) => text).join('\n');

  /** Runs the image as Berth would, and answers what it serves. */
  async function serve(
    image: string,
  ): Promise<{ get(path: string, headers?: Record<string, string>): Promise<Response>; id: string }> {
    const id = await docker(
      'run',
      '-d',
      '--init',
      '--label',
      `berth.test=${owner}`,
      '-e',
      'PORT=3000',
      '-p',
      '127.0.0.1::3000',
      image,
    );
    const address = (await docker('port', id, '3000')).split('\n')[0];
    const get = (path: string, headers: Record<string, string> = {}) =>
      fetch(`http://${address}${path}`, { headers, redirect: 'manual', signal: AbortSignal.timeout(5_000) });
    await expect
      .poll(
        () =>
          get('/').then(
            () => true,
            () => false,
          ),
        { timeout: 30_000, interval: 50 },
      )
      .toBe(true);
    return { get, id };
  }

  it('of a repo with a Dockerfile is that Dockerfile, unaltered', async () => {
    const server = `require('http').createServer((_, r) => r.end(require('fs').readdirSync('.').join())).listen(process.env.PORT)`;
    const dockerfile = `FROM ${base}\nWORKDIR /srv\nCOPY . .\nARG WHO\nRUN echo "built for $WHO"\nCMD ["node", "server.js"]\n`;
    const files = { Dockerfile: dockerfile, 'server.js': server, secret: 'x', '.dockerignore': 'secret' };
    const want = start('own', files, { args: { WHO: 'tests' } });
    await built(want.key);
    expect(await (await (await serve(want.key)).get('/')).text()).toBe('.dockerignore,Dockerfile,server.js');
    expect(await textOf(want)).toMatch(/plan: Dockerfile\n.*built for tests.*built berth\//s);
    expect(JSON.parse(await docker('inspect', '-f', '{{json .Config.Labels}}', want.key))).toMatchObject({
      'berth.owner': owner,
      'berth.deployment': want.deployment,
      'berth.service': 'web',
      'berth.commit': 'a'.repeat(40),
    });
  });

  it('of a Node app without a Dockerfile installs its packages, on a machine without a registry too', async () => {
    const server = `require('http').createServer((_, r) => r.end(require('ms')('2 days') + ' ' + process.getuid())).listen(process.env.PORT)`;
    const packageJson = JSON.stringify({
      scripts: { start: 'node server.js' },
      dependencies: { ms: '2.1.3' },
    });
    const want = start('node', { 'package.json': packageJson, 'server.js': server });
    await built(want.key);
    expect(await (await (await serve(want.key)).get('/')).text()).toBe('172800000 1000');
    expect(await textOf(want)).toMatch(
      /plan: node 20, npm install, node server\.js\n.*can't be pulled.*using berth\/base-node/s,
    );
  });

  it('of a Node app with a build script leaves out what only the build needed', async () => {
    const server = `const fs = require('fs'); require('http').createServer((_, r) => r.end([process.argv[2], fs.existsSync('node_modules/ms'), fs.existsSync('node_modules/semver')].join())).listen(process.env.PORT)`;
    const packageJson = JSON.stringify({
      scripts: {
        build: `node -e "require('semver'); require('fs').writeFileSync('built.js', process.env.GREETING)"`,
        start: 'node server.js $(cat built.js)',
      },
      dependencies: { ms: '2.1.3' },
      devDependencies: { semver: '7.6.3' },
    });
    const want = start(
      'compiled',
      { 'package.json': packageJson, 'server.js': server },
      { args: { GREETING: 'hi' } },
    );
    await built(want.key);
    expect(await (await (await serve(want.key)).get('/')).text()).toBe('hi,true,false');
  });

  it('of static files serves them, and finishes what is under way when it is stopped', async () => {
    const big = 'x'.repeat(5_000_000);
    const files = {
      'index.html': '<h1>one</h1>',
      'a/b.css': 'b{}',
      'big.txt': big,
      '.env': 'SECRET',
      '404.html': 'gone',
      out: { link: '/etc/passwd' },
      dangling: { link: 'nowhere' },
    };
    const want = start('static', files);
    await built(want.key);
    const { get, id } = await serve(want.key);
    const page = await get('/');
    expect([page.status, await page.text(), page.headers.get('content-type')]).toEqual([
      200,
      '<h1>one</h1>',
      'text/html;charset=utf-8',
    ]);
    expect(page.headers.get('cache-control')).toMatch(/max-age=0/);
    const etag = page.headers.get('etag') ?? '';
    expect((await get('/', { 'if-none-match': etag })).status).toBe(304);
    expect(await (await get('/a/b.css')).text()).toBe('b{}');
    for (const path of ['/.env', '/nothing', '/out', '/dangling', '/..%2f..%2fetc/passwd', '/.version']) {
      const missing = await get(path);
      expect([path, missing.status, await missing.text()]).toEqual([path, 404, 'gone']);
    }
    const slow = await get('/big.txt');
    const stopping = docker('stop', '-t', '10', id);
    expect((await slow.text()).length).toBe(big.length);
    await stopping;
    expect(await docker('inspect', '-f', '{{.State.ExitCode}}', id)).toBe('0');
  });

  it('of a front end serves what the build made, and its index for routes of its own', async () => {
    const packageJson = JSON.stringify({
      scripts: {
        build: 'mkdir -p dist && echo "<h1>$GREETING</h1>" > dist/index.html && echo 1 > dist/app.js',
      },
    });
    const want = start(
      'front',
      { 'package.json': packageJson, 'index.html': 'source' },
      { args: { GREETING: 'hello' } },
    );
    await built(want.key);
    const { get } = await serve(want.key);
    expect(await (await get('/')).text()).toBe('<h1>hello</h1>\n');
    expect((await get('/settings/profile', { accept: 'text/html' })).status).toBe(200);
    expect((await get('/missing.js', { accept: 'text/html' })).status).toBe(404);
    expect((await get('/settings/profile')).status).toBe(404);
  });

  it('that fails is remembered with what was printed last, and leaves no image', async () => {
    const want = start('broken', {
      Dockerfile: `FROM ${base}\nRUN echo working && echo "type error in a.ts" >&2 && exit 3\n`,
    });
    await expect.poll(() => row(want.key)?.state, { timeout: 60_000 }).toBe('failed');
    expect(store.state.failures.find(({ key }) => key === want.key)?.error).toMatch(
      /failed.*type error in a\.ts/s,
    );
    expect(await textOf(want)).toMatch(/working.*type error in a\.ts/s);
    expect(await engine.hasImage(want.key)).toBe(false);
  });

  it('from an image that can’t be pulled fails with its name', async () => {
    const want = start('unknown', { Dockerfile: 'FROM berth.invalid/no/such:1\n' });
    // Without a network this may look like a registry that is away for the moment: then it is tried again, with the reason shown.
    await expect.poll(() => row(want.key)?.error, { timeout: 60_000 }).toMatch(/berth\.invalid/);
    await builder.drop(want.key);
  });

  it('that nobody wants any more ends within seconds and leaves nothing', async () => {
    const want = start('hanging', { Dockerfile: `FROM ${base}\nRUN echo begun && sleep 300\n` });
    await expect
      .poll(async () => (await logOf(want).catch(() => [])).some(({ text }) => text === 'begun'), {
        timeout: 60_000,
      })
      .toBe(true);
    const started = performance.now();
    await builder.drop(want.key);
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(await engine.hasImage(want.key)).toBe(false);
    expect(row(want.key)).toBeUndefined();
    expect(store.state.failures.some(({ key }) => key === want.key)).toBe(false);
  });

  it('waits for its turn, in the order asked', async () => {
    const files = { Dockerfile: `FROM ${base}\nRUN sleep 0.2\nCOPY x /x\n` };
    order.length = 0;
    const wants = ['first', 'second', 'third'].map((name) => start(name, { ...files, x: name }));
    for (const { key } of wants) await built(key);
    expect(order).toEqual(wants.map(({ key }) => key));
  });

  it('keeps one log per image', async () => {
    expect(await readdir(join(dir, `${owner}-own`, 'web'))).toEqual(['1-1.log']);
  });
});
