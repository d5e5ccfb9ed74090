/** The nginx of our own, with a real one: what it serves, and what happens when something is in its way. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runNginx } from '../../controller/clients/nginx-command.ts';
import { StalledError, TransientError } from '../../controller/core/errors.ts';
import {
  ask,
  endNginx,
  freePort,
  type NginxWorld,
  nginxOf,
  nginxWorld,
  until,
  web,
} from '../support/nginx-world.ts';

let world: NginxWorld;
let app: { readonly server: Server; readonly port: number };

beforeEach(async () => {
  world = await nginxWorld();
  app = await echoApp();
});

afterEach(async () => {
  app.server.closeAllConnections();
  app.server.close();
  await world.close();
});

describe('a managed nginx', () => {
  it('is started by the first apply, and a second look finds nothing to do', async () => {
    expect((await world.nginx.read()).running).toBe('nginx is not running');
    expect(await apply({ name: 'blog', text: blog() })).toEqual({});
    expect(await world.nginx.read()).toMatchObject({
      running: true,
      sites: [{ name: 'blog', text: blog() }],
    });
    const done = world.effects.length;
    expect(await apply({ name: 'blog', text: blog() })).toEqual({});
    expect(await apply()).toEqual({});
    expect(world.effects.slice(done)).toEqual([]);
    world.nginxTest();
  });

  it('serves a site with the headers that its app needs to know the visitor', async () => {
    await apply({ name: 'blog', text: blog() });
    const reply = await ask(world.http.port, `blog.test:${world.http.port}`, '/a%2Fb?c=1', {
      headers: { 'x-forwarded-proto': 'https' },
    });
    expect(JSON.parse(reply.body)).toMatchObject({
      url: '/a%2Fb?c=1',
      headers: {
        host: `blog.test:${world.http.port}`,
        'x-forwarded-proto': 'https',
        'x-forwarded-host': `blog.test:${world.http.port}`,
        'x-real-ip': '127.0.0.1',
        'x-forwarded-for': '127.0.0.1',
      },
    });
    const plain = await ask(world.http.port, 'blog.test', '/', { headers: { 'x-forwarded-proto': 'evil' } });
    expect(JSON.parse(plain.body).headers['x-forwarded-proto']).toBe('http');
  });

  it('refuses a host that no site has', async () => {
    await apply({ name: 'blog', text: blog() });
    expect(await ask(world.http.port, 'other.test')).toMatchObject({
      status: 421,
      body: 'no site of this name here\n',
    });
  });

  it('takes a body that does not fit in memory, up to the limit of the site', async () => {
    await apply({ name: 'blog', text: world.text('blog', { backends: web(app.port), maxBody: '2m' }) });
    const post = (bytes: number) =>
      ask(world.http.port, 'blog.test', '/', { method: 'POST', body: 'x'.repeat(bytes) });
    expect(JSON.parse((await post(1_500_000)).body)).toMatchObject({ method: 'POST', bytes: 1_500_000 });
    expect((await post(2_500_000)).status).toBe(413);
  });

  it('leads a prefix to its service, and strips it where asked', async () => {
    const text = world.text('blog', {
      routes: [
        { prefix: '/', service: 'none', strip: false },
        { prefix: '/api/', service: 'web', strip: true },
        { prefix: '/kept', service: 'web', strip: false },
      ],
      backends: web(app.port),
    });
    await apply({ name: 'blog', text });
    const seen = async (path: string) => {
      const reply = await ask(world.http.port, 'blog.test', path);
      return reply.status === 200 ? JSON.parse(reply.body).url : reply.status;
    };
    expect(await seen('/api/x?y=1')).toBe('/x?y=1');
    expect(await seen('/api/')).toBe('/');
    expect(await seen('/api?y=1')).toBe('/?y=1');
    expect(await seen('/kept/x')).toBe('/kept/x');
    expect(await seen('/kept')).toBe('/kept');
    expect(await seen('/apix')).toBe(503);
    expect(await seen('/keptx')).toBe(503);
  });

  it('shows the deploying and the stopped page', async () => {
    const headers = { 'X-Own': 'a "b" \'c\'; {d}' };
    await apply({ name: 'blog', text: world.text('blog', { headers }) });
    const deploying = await ask(world.http.port, 'blog.test');
    expect(deploying).toMatchObject({
      status: 503,
      headers: { 'retry-after': '5', 'x-own': headers['X-Own'] },
    });
    expect(deploying.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(deploying.body).toContain('being deployed');
    await apply({ name: 'blog', text: world.text('blog', { suspended: true, backends: web(app.port) }) });
    const stopped = await ask(world.http.port, 'blog.test', '/any/path');
    expect(stopped).toMatchObject({ status: 503 });
    expect(stopped.body).toContain('is stopped');
  });

  it('holds a pinned port that leads to the live instance', async () => {
    const port = await freePort();
    await apply({
      name: 'blog',
      text: world.text('blog', { backends: web(app.port), pinned: [{ port, service: 'web' }] }),
    });
    expect((await ask(port, 'localhost')).status).toBe(200);
    await apply({ name: 'blog', text: blog() });
    await until('the port is let go', async () => !(await accepts(port)));
  });

  it('balances instances, and a dead one is not noticed', async () => {
    const other = await echoApp();
    await apply({ name: 'blog', text: world.text('blog', { backends: web(app.port, other.port) }) });
    const replies = () => Promise.all(Array.from({ length: 20 }, () => ask(world.http.port, 'blog.test')));
    expect(new Set((await replies()).map(({ body }) => JSON.parse(body).port)).size).toBe(2);
    other.server.close();
    expect((await replies()).map(({ status }) => status)).toEqual(Array(20).fill(200));
  });

  it('lets a WebSocket through, and a reload does not cut it', async () => {
    app.server.on('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
      socket.on('data', (data) => socket.write(data));
      socket.on('error', () => socket.destroy());
    });
    await apply({ name: 'blog', text: blog() });
    const socket = connect(world.http.port, '127.0.0.1');
    let heard = '';
    socket.setEncoding('utf8').on('data', (text) => {
      heard += text;
    });
    socket.write('GET / HTTP/1.1\r\nHost: blog.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    await until('the upgrade', () => heard.includes('101 Switching'));
    await apply({ name: 'more', text: world.text('more', {}) });
    socket.write('still here');
    await until('the echo', () => heard.endsWith('still here'));
    expect((await world.nginx.read()).oldWorkers).toBe(true);
    socket.destroy();
    await until('the old worker is gone', async () => !(await world.nginx.read()).oldWorkers);
  });

  it('serves a label of 63 characters', async () => {
    const host = `${'a'.repeat(63)}.${'b'.repeat(63)}.test`;
    await apply(
      { name: 'long', text: world.text('long', { hostnames: [host], backends: web(app.port) }) },
      { name: 'blog', text: blog() },
    );
    expect((await ask(world.http.port, host)).status).toBe(200);
  });
});

describe('what can go wrong', () => {
  it('a site that nginx refuses is left as it was, and the others go on', async () => {
    await apply({ name: 'bad', text: world.text('bad', { backends: web(app.port) }) });
    const before = world.text('bad', { backends: web(app.port) });
    const errors = await apply(
      { name: 'bad', text: before.replace('server {', 'server {\n    nonsense on;') },
      { name: 'blog', text: blog() },
    );
    expect(errors).toEqual({ bad: expect.any(StalledError) });
    expect(errors.bad?.message).toBe(
      'nginx refuses the site bad: unknown directive "nonsense" in bad.conf:5',
    );
    const { sites, running } = await world.nginx.read();
    expect(running).toBe(true);
    expect(sites.map(({ name, text }) => [name, text === before || text === blog()])).toEqual([
      ['bad', true],
      ['blog', true],
    ]);
    expect((await ask(world.http.port, 'blog.test')).status).toBe(200);
    expect((await ask(world.http.port, 'bad.test')).status).toBe(200);
    world.nginxTest();
  });

  it('a fault that nginx blames on no site is found all the same', async () => {
    const errors = await apply(
      { name: 'bad', text: blog('bad').replace('proxy_buffers 4 16k', 'proxy_buffers 8 4k') },
      { name: 'blog', text: blog() },
    );
    expect(errors).toEqual({ bad: expect.any(StalledError) });
    expect((await world.nginx.read()).sites.map(({ name }) => name)).toEqual(['blog']);
  });

  it('a pinned port that another process has fails its site alone', async () => {
    const port = await freePort();
    const other = createTcpServer().listen(port, '127.0.0.1');
    try {
      const pinned = world.text('pinned', { pinned: [{ port, service: 'web' }] });
      expect(await apply({ name: 'pinned', text: pinned }, { name: 'blog', text: blog() })).toEqual({
        pinned: expect.any(TransientError),
      });
      expect((await ask(world.http.port, 'blog.test')).status).toBe(200);
      // Nothing of it was left on the disk to trip over at the next start.
      expect((await world.nginx.read()).sites.map(({ name }) => name)).toEqual(['blog']);
    } finally {
      other.close();
    }
  });

  it('a reload that has no effect is rolled back', async () => {
    await apply({ name: 'blog', text: blog() });
    const [master = 0] = nginxOf(world.dir, 'master');
    process.kill(master, 'SIGSTOP');
    const errors = await apply({ name: 'more', text: blog('more') });
    expect(errors).toEqual({ more: expect.any(TransientError) });
    process.kill(master, 'SIGCONT');
    expect(existsSync(join(world.dir, 'sites', 'more.conf'))).toBe(false);
    await until('it runs what is on the disk', async () => (await world.nginx.read()).running === true);
    world.nginxTest();
  });

  it('a port that is taken between the test and the reload is told, and rolled back', async () => {
    const port = await freePort();
    const thief = createTcpServer();
    const nginx = world.restart({
      step: async (label, effect) => {
        if (label === 'nginx.reload' && !thief.listening) {
          await new Promise<void>((done) => thief.listen(port, '127.0.0.1', done));
        }
        return effect();
      },
    });
    await apply({ name: 'blog', text: blog() });
    try {
      const pinned = world.text('pinned', { pinned: [{ port, service: 'web' }] });
      const error = (await nginx.apply([{ name: 'pinned', text: pinned }])).get('pinned');
      expect(error).toBeInstanceOf(TransientError);
      expect(error?.message).toContain(`bind() to 127.0.0.1:${port} failed`);
    } finally {
      thief.close();
    }
    expect(await nginx.read()).toMatchObject({ running: true, sites: [{ name: 'blog' }] });
  });

  it('a file that is not ours is neither overwritten nor removed', async () => {
    await apply({ name: 'blog', text: blog() });
    const file = join(world.dir, 'sites', 'legacy.conf');
    const copy = join(world.dir, 'sites', 'copy.conf');
    writeFileSync(file, 'server { listen 127.0.0.1:1; }\n'.replace('1;', `${await freePort()};`));
    const text = readFileSync(file, 'utf8');
    writeFileSync(copy, blog());
    const errors = await apply({ name: 'legacy', text: blog('legacy') }, { name: 'copy' });
    expect(errors).toEqual({ legacy: expect.any(StalledError), copy: expect.any(StalledError) });
    expect(readFileSync(file, 'utf8')).toBe(text);
    expect(readFileSync(copy, 'utf8')).toBe(blog());
    expect((await world.nginx.read()).sites.map(({ name }) => name)).toEqual(['blog']);
  });

  it('a foreign file that breaks the test is named, and all goes on when it is mended', async () => {
    await apply({ name: 'blog', text: blog() });
    const file = join(world.dir, 'sites', 'legacy.conf');
    writeFileSync(file, 'nonsense;\n');
    const errors = await apply({ name: 'more', text: blog('more') });
    expect(errors.more).toBeInstanceOf(TransientError);
    expect(errors.more?.message).toMatch(/^legacy\.conf, which is not Berth's/);
    expect((await ask(world.http.port, 'blog.test')).status).toBe(200);
    rmSync(file);
    expect(await apply({ name: 'more', text: blog('more') })).toEqual({});
    expect((await ask(world.http.port, 'more.test')).status).toBe(200);
  });

  it('a site that was edited or deleted by hand is seen, and put back', async () => {
    await apply({ name: 'blog', text: blog() }, { name: 'more', text: blog('more') });
    const file = join(world.dir, 'sites', 'blog.conf');
    writeFileSync(file, blog().replace('server {', 'server { nonsense;'));
    rmSync(join(world.dir, 'sites', 'more.conf'));
    const seen = await world.nginx.read();
    expect(seen.running).not.toBe(true);
    expect(seen.sites).toMatchObject([{ name: 'blog', liveForMs: 0 }]);
    expect(await apply({ name: 'blog', text: blog() }, { name: 'more', text: blog('more') })).toEqual({});
    expect(await world.nginx.read()).toMatchObject({
      running: true,
      sites: [{ text: blog() }, { name: 'more' }],
    });
  });

  it('nginx.conf and the shared file are put back too', async () => {
    await apply({ name: 'blog', text: blog() });
    for (const file of ['nginx.conf', `sites/00-berth-${world.owner}.conf`]) {
      writeFileSync(join(world.dir, file), `${readFileSync(join(world.dir, file), 'utf8')}# by hand\n`);
      expect((await world.nginx.read()).running).toMatch(/is not as Berth writes it/);
      expect(await apply()).toEqual({});
      expect((await world.nginx.read()).running).toBe(true);
    }
  });

  it('a killed nginx is started again, also when its workers live on', async () => {
    await apply({ name: 'blog', text: blog() });
    for (const pid of nginxOf(world.dir, 'master')) process.kill(pid, 'SIGKILL');
    expect((await world.nginx.read()).running).toBe('nginx is not running');
    expect(await apply()).toEqual({});
    expect((await world.nginx.read()).running).toBe(true);
    await endNginx(world.dir);
    expect(await apply()).toEqual({});
    expect((await world.nginx.read()).running).toBe(true);
    expect((await ask(world.http.port, 'blog.test')).status).toBe(200);
    expect(nginxOf(world.dir, 'master')).toHaveLength(1);
  });

  it('a stale pid file harms neither nginx nor the process that has the pid now', async () => {
    mkdirSync(world.dir, { recursive: true });
    writeFileSync(join(world.dir, 'nginx.pid'), `${process.pid}\n`);
    expect(await apply({ name: 'blog', text: blog() })).toEqual({});
    expect(nginxOf(world.dir, 'master').map(String)).toEqual([
      readFileSync(join(world.dir, 'nginx.pid'), 'utf8').trim(),
    ]);
    rmSync(join(world.dir, 'nginx.pid'));
    expect((await world.nginx.read()).running).toBe(true);
  });

  it('does not start where another process listens, and says so', async () => {
    const other = createTcpServer((socket) => socket.destroy());
    await new Promise<void>((done) => other.listen(world.http.port, '127.0.0.1', done));
    try {
      await expect(world.nginx.apply([])).rejects.toThrow(/another process does; stop it or set BERTH_HTTP/);
      expect(await apply({ name: 'blog', text: blog() })).toEqual({ blog: expect.any(TransientError) });
    } finally {
      await new Promise((done) => other.close(done));
    }
    expect(await apply({ name: 'blog', text: blog() })).toEqual({});
  });

  it('one site that would keep nginx from starting does not keep the others down', async () => {
    const port = await freePort();
    const pinned = world.text('pinned', { pinned: [{ port, service: 'web' }] });
    await apply(
      { name: 'pinned', text: pinned },
      { name: 'blog', text: blog() },
      { name: 'edited', text: blog('edited') },
    );
    await endNginx(world.dir);
    writeFileSync(join(world.dir, 'sites', 'edited.conf'), `${blog('edited')}nonsense;\n`);
    const other = createTcpServer();
    await new Promise<void>((done) => other.listen(port, '127.0.0.1', done));
    try {
      expect(await apply()).toEqual({});
      expect((await ask(world.http.port, 'blog.test')).status).toBe(200);
      expect((await world.nginx.read()).sites.map(({ name }) => name)).toEqual(['blog']);
    } finally {
      other.close();
    }
  });
});

describe('a restart of the controller', () => {
  it('takes nginx over without a write or a reload', async () => {
    await apply({ name: 'blog', text: blog() });
    const workers = nginxOf(world.dir, 'worker');
    const done = world.effects.length;
    const nginx = world.restart();
    expect(await nginx.read()).toMatchObject({ running: true, sites: [{ name: 'blog' }] });
    expect(await nginx.apply([])).toEqual(new Map());
    expect(world.effects.slice(done)).toEqual([]);
    expect(nginxOf(world.dir, 'worker')).toEqual(workers);
  });

  it('with another port moves nginx there', async () => {
    await apply({ name: 'blog', text: blog() });
    const port = await freePort();
    const nginx = world.restart({ port });
    expect((await nginx.read()).running).not.toBe(true);
    expect(await nginx.apply([])).toEqual(new Map());
    expect((await nginx.read()).running).toBe(true);
    expect((await ask(port, 'blog.test')).status).toBe(421);
  });
});

it('a site counts from when its own text went live, not from the last reload', async () => {
  await apply({ name: 'blog', text: blog() });
  await until('some time', async () => ((await world.nginx.read()).sites[0]?.liveForMs ?? 0) > 150);
  await apply({ name: 'more', text: blog('more') });
  const [first, second] = (await world.nginx.read()).sites;
  expect(first?.liveForMs).toBeGreaterThan(150);
  expect(second?.liveForMs).toBeLessThan(first?.liveForMs ?? 0);
});

it('killed before or after any effect, the files pass the test and the next start mends the rest', async () => {
  const crash = new Error('crash');
  let points = 0;
  await apply({ name: 'blog', text: blog() }, { name: 'gone', text: blog('gone') });
  const changes = [
    { name: 'blog', text: world.text('blog', { backends: web(app.port), maxBody: '1m' }) },
    { name: 'gone' },
    { name: 'more', text: blog('more') },
  ];
  for (const when of ['before', 'after'] as const) {
    for (let at = 0; ; at += 1) {
      await world
        .restart()
        .apply([{ name: 'blog', text: blog() }, { name: 'gone', text: blog('gone') }, { name: 'more' }]);
      let count = 0;
      const nginx = world.restart({
        step: async (_label, effect) => {
          const here = count++ === at;
          if (here && when === 'before') throw crash;
          const result = await effect();
          if (here) throw crash;
          return result;
        },
      });
      const crashed = await nginx.apply(changes).then(
        () => false,
        (error) => error === crash || Promise.reject(error),
      );
      if (!crashed) break;
      points += 1;
      world.nginxTest();
      expect(await world.restart().apply(changes)).toEqual(new Map());
      const { sites, running } = await world.restart().read();
      expect(running).toBe(true);
      expect(sites.map(({ name, text }) => ({ name, text }))).toEqual(
        changes.filter(({ name }) => name !== 'gone').map(({ name, text }) => ({ name, text })),
      );
      expect(readdirSync(world.dir)).not.toContain('.staging');
    }
  }
  console.log(`${points} crash points tried`);
  expect(points).toBeGreaterThanOrEqual(12);
});

it('a machine without nginx is told what to do, and no file is touched', async () => {
  await expect(runNginx(['-t'], { PATH: world.dir })).rejects.toThrow(/install nginx/);
});

async function apply(...changes: { name: string; text?: string }[]): Promise<Record<string, Error>> {
  return Object.fromEntries(await world.nginx.apply(changes));
}

function blog(name = 'blog'): string {
  return world.text(name, { backends: web(app.port) });
}

/** Answers with what it was asked. */
async function echoApp(): Promise<{ server: Server; port: number }> {
  const server = createServer(async (request: IncomingMessage, response) => {
    let bytes = 0;
    for await (const chunk of request) bytes += (chunk as Buffer).length;
    const { method, url, headers } = request;
    const { port } = server.address() as AddressInfo;
    response.end(JSON.stringify({ method, url, headers, bytes, port }));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { server, port: (server.address() as AddressInfo).port };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
