/** The machine's nginx, played by a second real one that has files of its own. */

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createNginx } from '../../controller/clients/nginx/nginx.ts';
import type { Nginx } from '../../controller/clients/types.ts';
import { StalledError, TransientError } from '../../controller/core/errors.ts';
import { renderVhost } from '../../controller/kinds/vhost-text.ts';
import { freePort } from '../support/free-port.ts';
import { ask, endNginx, openTemp, until, vhostWant, web } from '../support/nginx-world.ts';

const LEGACY =
  'server { listen 127.0.0.1:LEGACY default_server; server_name legacy.test; return 200 legacy; }\n';

let home: string;
let sites: string;
let owner: string;
let http: { host: string; port: number };
let legacyPort: number;
let effects: string[];
let nginx: Nginx;
let app: Server;

beforeEach(async () => {
  home = openTemp();
  sites = join(home, 'conf.d');
  owner = `t${randomBytes(4).toString('hex')}`;
  http = { host: '127.0.0.1', port: await freePort() };
  legacyPort = await freePort();
  effects = [];
  mkdirSync(sites);
  mkdirSync(join(home, 'tmp'));
  writeFileSync(join(sites, 'legacy.conf'), LEGACY.replace('LEGACY', String(legacyPort)));
  writeMain('');
  execFileSync('nginx', command(), { stdio: 'ignore' });
  nginx = client();
  app = createServer((_request, response) => response.end('fine'));
  await new Promise<void>((done) => app.listen(0, '127.0.0.1', done));
});

afterEach(async () => {
  app.close();
  await endNginx(home);
  rmSync(home, { recursive: true, force: true });
});

it('sites go live beside what is there, and a second look finds nothing to do', async () => {
  expect((await nginx.read()).running).toMatch(/does not serve Berth's sites/);
  expect(await apply({ name: 'blog', text: blog() })).toEqual({});
  expect(await nginx.read()).toMatchObject({ running: true, sites: [{ name: 'blog', text: blog() }] });
  expect((await ask(http.port, 'blog.test')).body).toBe('fine');
  expect((await ask(http.port, 'other.test')).status).toBe(421);
  expect((await ask(legacyPort, 'legacy.test')).body).toBe('legacy');
  const done = effects.length;
  expect(await client().apply([{ name: 'blog', text: blog() }])).toEqual(new Map());
  expect(effects.slice(done)).toEqual([]);
  expect(readdirSync(sites).sort()).toEqual([`00-berth-${owner}.conf`, 'blog.conf', 'legacy.conf']);
});

it('a reload is drained of old workers there too', async () => {
  await apply({ name: 'blog', text: blog() });
  await apply({ name: 'blog', text: renderVhost(vhostWant('blog'), { owner, http }) });
  await until('the old workers are gone', async () => !(await nginx.read()).oldWorkers);
  expect((await nginx.read()).sites[0]?.liveForMs).toBeGreaterThan(0);
});

it('gives way to what the machine has already set', async () => {
  writeMain('server_names_hash_bucket_size 128;');
  const clashing = `server { listen 127.0.0.1:${http.port} default_server; return 200 theirs; }\n`;
  writeFileSync(join(sites, 'legacy.conf'), clashing);
  expect(await apply({ name: 'blog', text: blog() })).toEqual({});
  expect((await nginx.read()).running).toBe(true);
  expect((await ask(http.port, 'blog.test')).body).toBe('fine');
  expect((await ask(http.port, 'other.test')).body).toBe('theirs');
  const done = effects.length;
  expect(await client().apply([{ name: 'blog', text: blog() }])).toEqual(new Map());
  expect(effects.slice(done)).toEqual([]);
});

it('a refused site is told alone', async () => {
  const bad = blog('bad').replace('server {', 'server {\n    nonsense on;');
  expect(await apply({ name: 'bad', text: bad }, { name: 'blog', text: blog() })).toEqual({
    bad: expect.any(StalledError),
  });
  expect((await ask(http.port, 'blog.test')).body).toBe('fine');
});

it("a site that clashes with the machine's own files is taken back", async () => {
  const upstream = 'upstream theirs { server 127.0.0.1:1; }\n';
  writeFileSync(join(sites, 'legacy.conf'), `${LEGACY.replace('LEGACY', String(legacyPort))}${upstream}`);
  // Later than the machine's file in the order of names, so that it is the one that nginx blames.
  const errors = await apply(
    { name: 'zoo', text: `${blog('zoo')}${upstream}` },
    { name: 'blog', text: blog() },
  );
  expect(errors).toEqual({ zoo: expect.any(StalledError) });
  expect(readdirSync(sites).sort()).toEqual([`00-berth-${owner}.conf`, 'blog.conf', 'legacy.conf']);
  expect((await ask(http.port, 'blog.test')).body).toBe('fine');
});

it("a fault of the machine's own stops every change, and nothing of ours is left behind", async () => {
  await apply({ name: 'blog', text: blog() });
  const broken = `${LEGACY.replace('LEGACY', String(legacyPort))}nonsense;\n`;
  writeFileSync(join(sites, 'legacy.conf'), broken);
  const { more } = await apply({ name: 'more', text: blog('more') });
  expect(more).toBeInstanceOf(TransientError);
  expect(more?.message).toMatch(/^nginx refuses its own files.*nonsense.* in legacy\.conf:2/);
  expect(readdirSync(sites).sort()).toEqual([`00-berth-${owner}.conf`, 'blog.conf', 'legacy.conf']);
  expect(readFileSync(join(sites, 'legacy.conf'), 'utf8')).toBe(broken);
  expect((await ask(http.port, 'blog.test')).body).toBe('fine');
});

it("a command that does not exist is told by its setting's name", async () => {
  const lost = client({ test: ['/nonexistent/nginx-test'] });
  const errors = await lost.apply([{ name: 'blog', text: blog() }]);
  expect(errors.get('blog')?.message).toMatch(/check BERTH_NGINX_TEST/);
  expect(readdirSync(sites)).toEqual(['legacy.conf']);
});

function client(commands: { test?: readonly string[]; reload?: readonly string[] } = {}): Nginx {
  return createNginx({
    mode: 'system',
    dir: sites,
    test: commands.test ?? ['nginx', '-t', ...command()],
    reload: commands.reload ?? ['nginx', '-s', 'reload', ...command()],
    http,
    owner,
    drainMs: 300,
    step: (label, effect) => {
      effects.push(label);
      return effect();
    },
  });
}

function command(): string[] {
  return ['-p', home, '-c', join(home, 'nginx.conf')];
}

function writeMain(more: string): void {
  writeFileSync(
    join(home, 'nginx.conf'),
    `pid nginx.pid; error_log error.log; events {} http { access_log off; client_body_temp_path tmp/b; ${more} include conf.d/*.conf; }\n`,
  );
}

async function apply(...changes: { name: string; text?: string }[]): Promise<Record<string, Error>> {
  return Object.fromEntries(await nginx.apply(changes));
}

function blog(name = 'blog'): string {
  const { port } = app.address() as AddressInfo;
  return renderVhost(vhostWant(name, { backends: web(port) }), { owner, http });
}
