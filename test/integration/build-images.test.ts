import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuildWorld, buildWorld, docker } from '../support/build-world.ts';

describe.each(['BuildKit', 'classic'] as const)('a build with %s', { timeout: 300_000 }, (builderName) => {
  let world: BuildWorld;
  beforeAll(async () => {
    world = await buildWorld({ classic: builderName === 'classic' });
  });
  afterAll(() => world?.end());

  it('of a repo with a Dockerfile is that Dockerfile, unaltered', async () => {
    const server = `require('http').createServer((_, r) => r.end(require('fs').readdirSync('.').join())).listen(process.env.PORT)`;
    const dockerfile = `FROM ${world.base}\nWORKDIR /srv\nCOPY . .\nARG WHO\nRUN echo "built for $WHO"\nCMD ["node", "server.js"]\n`;
    const files = { Dockerfile: dockerfile, 'server.js': server, secret: 'x', '.dockerignore': 'secret' };
    const want = world.start('own', files, { args: { WHO: 'tests' } });
    await world.built(want.key);
    expect(await (await (await world.serve(want.key)).get('/')).text()).toBe(
      '.dockerignore,Dockerfile,server.js',
    );
    expect(await world.text(want)).toMatch(/plan: Dockerfile\n.*built for tests.*built berth\//s);
    expect(JSON.parse(await docker('inspect', '-f', '{{json .Config.Labels}}', want.key))).toMatchObject({
      'berth.owner': world.owner,
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
    const want = world.start('node', { 'package.json': packageJson, 'server.js': server });
    await world.built(want.key);
    expect(await (await (await world.serve(want.key)).get('/')).text()).toBe('172800000 1000');
    expect(await world.text(want)).toMatch(
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
    const want = world.start(
      'compiled',
      { 'package.json': packageJson, 'server.js': server },
      { args: { GREETING: 'hi' } },
    );
    await world.built(want.key);
    expect(await (await (await world.serve(want.key)).get('/')).text()).toBe('hi,true,false');
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
    const want = world.start('static', files);
    await world.built(want.key);
    const { get, id } = await world.serve(want.key);
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
    const want = world.start(
      'front',
      { 'package.json': packageJson, 'index.html': 'source' },
      { args: { GREETING: 'hello' } },
    );
    await world.built(want.key);
    const { get } = await world.serve(want.key);
    expect(await (await get('/')).text()).toBe('<h1>hello</h1>\n');
    expect((await get('/settings/profile', { accept: 'text/html' })).status).toBe(200);
    expect((await get('/missing.js', { accept: 'text/html' })).status).toBe(404);
    expect((await get('/settings/profile')).status).toBe(404);
  });

  it('that fails is remembered with what was printed last, and leaves no image', async () => {
    const want = world.start('broken', {
      Dockerfile: `FROM ${world.base}\nRUN echo working && echo "type error in a.ts" >&2 && exit 3\n`,
    });
    await expect.poll(() => world.row(want.key)?.state, { timeout: 60_000 }).toBe('failed');
    expect(world.store.state.failures.find(({ key }) => key === want.key)?.error).toMatch(
      /failed.*type error in a\.ts/s,
    );
    expect(await world.text(want)).toMatch(/working.*type error in a\.ts/s);
    expect(await world.engine.hasImage(want.key)).toBe(false);
  });

  it('from an image that can’t be pulled fails with its name', async () => {
    const want = world.start('unknown', { Dockerfile: 'FROM berth.invalid/no/such:1\n' });
    // Without a network this may look like a registry that is away for the moment: then it is tried again, with the reason shown.
    await expect.poll(() => world.row(want.key)?.error, { timeout: 60_000 }).toMatch(/berth\.invalid/);
    await world.builder.drop(want.key);
  });

  it('that nobody wants any more ends within seconds and leaves nothing', async () => {
    const want = world.start('hanging', { Dockerfile: `FROM ${world.base}\nRUN echo begun && sleep 300\n` });
    await expect
      .poll(async () => (await world.log(want).catch(() => [])).some(({ text }) => text === 'begun'), {
        timeout: 60_000,
      })
      .toBe(true);
    const started = performance.now();
    await world.builder.drop(want.key);
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(await world.engine.hasImage(want.key)).toBe(false);
    expect(world.row(want.key)).toBeUndefined();
    expect(world.store.state.failures.some(({ key }) => key === want.key)).toBe(false);
  });

  it('waits for its turn, in the order asked', async () => {
    const files = { Dockerfile: `FROM ${world.base}\nRUN sleep 0.2\nCOPY x /x\n` };
    world.order.length = 0;
    const wants = ['first', 'second', 'third'].map((name) => world.start(name, { ...files, x: name }));
    for (const { key } of wants) await world.built(key);
    expect(world.order).toEqual(wants.map(({ key }) => key));
  });

  it('keeps one log per image', async () => {
    expect(await readdir(join(world.dir, `${world.owner}-own`, 'web'))).toEqual(['1-1.log']);
  });
});
