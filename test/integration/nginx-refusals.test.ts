/** What nginx refuses, or does not take up, is taken back, and told of the one site that it is about. */

import { existsSync } from 'node:fs';
import type { Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runNginx } from '../../controller/clients/nginx/command.ts';
import { StalledError, TransientError } from '../../controller/core/errors.ts';
import { freePort } from '../support/free-port.ts';
import { ask, echoApp, type NginxWorld, nginxOf, nginxWorld, until, web } from '../support/nginx-world.ts';

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
