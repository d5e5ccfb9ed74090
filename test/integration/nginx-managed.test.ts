/** The nginx of our own, a real one: what it serves, and how. */

import { chmodSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { ask, echoApp, type NginxWorld, nginxWorld, until, web } from '../support/nginx-world.ts';

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

it('a site counts from when its own text went live, not from the last reload', async () => {
  await apply({ name: 'blog', text: blog() });
  await until('some time', async () => ((await world.nginx.read()).sites[0]?.liveForMs ?? 0) > 150);
  await apply({ name: 'more', text: blog('more') });
  const [first, second] = (await world.nginx.read()).sites;
  expect(first?.liveForMs).toBeGreaterThan(150);
  expect(second?.liveForMs).toBeLessThan(first?.liveForMs ?? 0);
});

describe('a data directory that only root may enter', () => {
  it('does not keep large bodies from the workers', async () => {
    chmodSync(join(world.dir, '..'), 0o700);
    await apply({ name: 'blog', text: blog() });
    const [, temp = ''] =
      /client_body_temp_path (.*)\/body;/.exec(readFileSync(join(world.dir, 'nginx.conf'), 'utf8')) ?? [];
    expect(temp).toMatch(/^\/var\/lib\/berth-nginx\/[0-9a-f]{12}$/);
    try {
      const reply = await ask(world.http.port, 'blog.test', '/', {
        method: 'POST',
        body: 'x'.repeat(1_500_000),
      });
      expect(JSON.parse(reply.body)).toMatchObject({ bytes: 1_500_000 });
    } finally {
      rmSync(temp, { recursive: true });
      if (readdirSync(dirname(temp)).length === 0) rmdirSync(dirname(temp));
    }
  });
});

async function apply(...changes: { name: string; text?: string }[]): Promise<Record<string, Error>> {
  return Object.fromEntries(await world.nginx.apply(changes));
}

function blog(name = 'blog'): string {
  return world.text(name, { backends: web(app.port) });
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
