/** What was changed behind our back is put back, what is not ours is left, and nginx is started or taken over as it is found. */

import { mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StalledError, TransientError } from '../../controller/core/errors.ts';
import { freePort } from '../support/free-port.ts';
import { ask, echoApp, endNginx, type NginxWorld, nginxOf, nginxWorld, web } from '../support/nginx-world.ts';

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

describe('what is found changed', () => {
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
  it("leaves nginx alone, which is in no process group of the controller's", async () => {
    await apply({ name: 'blog', text: blog() });
    const [master = 0] = nginxOf(world.dir, 'master');
    const group = (pid: number) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[2];
    expect(group(master)).not.toBe(group(process.pid));
    const streams = [0, 1, 2].map((fd) => readlinkSync(`/proc/${master}/fd/${fd}`));
    expect(streams).toEqual(['/dev/null', '/dev/null', join(world.dir, 'error.log')]);
  });

  it('takes nginx over without a write or a reload', async () => {
    await apply({ name: 'blog', text: blog() });
    const master = nginxOf(world.dir, 'master');
    const done = world.effects.length;
    const nginx = world.restart();
    expect(await nginx.read()).toMatchObject({ running: true, sites: [{ name: 'blog' }] });
    expect(await nginx.apply([])).toEqual(new Map());
    expect(world.effects.slice(done)).toEqual([]);
    expect(nginxOf(world.dir, 'master')).toEqual(master);
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

async function apply(...changes: { name: string; text?: string }[]): Promise<Record<string, Error>> {
  return Object.fromEntries(await world.nginx.apply(changes));
}

function blog(name = 'blog'): string {
  return world.text(name, { backends: web(app.port) });
}
