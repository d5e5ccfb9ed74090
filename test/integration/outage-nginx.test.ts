/** A whole Berth whose nginx has bad days: the machine's own one with a broken foreign file, and a managed one. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { troubles } from '../../controller/loop/status.ts';
import { type Berth, startBerth } from '../support/berth.ts';
import { cli } from '../support/cli.ts';
import { buildDist } from '../support/dist.ts';
import { entry, fileOf } from '../support/entries.ts';
import { freePort } from '../support/free-port.ts';
import { endNginx, openTemp } from '../support/nginx-world.ts';
import { tinyImage } from '../support/tiny-image.ts';
import { until } from '../support/until.ts';

let image: string;
let clean: (() => Promise<void> | void)[] = [];

const health = ({ session }: Berth): string =>
  troubles(session.runner.last, session.real.backoff.errors()).join('\n');
const body = (berth: Berth, name: string): Promise<string> =>
  berth.get(`${name}.localhost`).then(
    (answer) => answer.body,
    () => '',
  );

beforeAll(async () => {
  image = await tinyImage();
  await buildDist();
});

afterEach(async () => {
  for (const step of clean.reverse()) await step();
  clean = [];
});

async function start(env: Readonly<Record<string, string>>): Promise<Berth> {
  const berth = await startBerth({ BERTH_PORTS: '7600-7649', ...env });
  clean.push(() => berth.tearDown());
  return berth;
}

test("the machine's own nginx: a foreign file stays as it is, and a broken one is named while our change waits", async () => {
  const home = openTemp();
  const sites = join(home, 'conf.d');
  const legacy = join(sites, 'legacy.conf');
  const text = `server { listen 127.0.0.1:${await freePort()}; server_name legacy.test; return 200 legacy; }\n`;
  const command = `-p ${home} -c ${join(home, 'nginx.conf')}`;
  mkdirSync(sites);
  mkdirSync(join(home, 'tmp'));
  writeFileSync(legacy, text);
  writeFileSync(
    join(home, 'nginx.conf'),
    'pid nginx.pid; error_log error.log; events {} http { access_log off; client_body_temp_path tmp/b; include conf.d/*.conf; }\n',
  );
  execFileSync('nginx', command.split(' '), { stdio: 'ignore' });
  clean.push(async () => {
    await endNginx(home);
    rmSync(home, { recursive: true, force: true });
  });
  clean.push(() => {
    const left = readdirSync(sites).filter((name) => !name.startsWith('00-berth-'));
    expect(left).toEqual(['legacy.conf']);
    expect(readFileSync(legacy, 'utf8')).toBe(text);
  });
  const berth = await start({
    BERTH_NGINX: 'system',
    BERTH_NGINX_DIR: sites,
    BERTH_NGINX_TEST: `nginx -t ${command}`,
    BERTH_NGINX_RELOAD: `nginx -s reload ${command}`,
  });
  await berth.commit({ 'deployments.yaml': fileOf(entry('osys', image, 'one')) });
  await berth.converged();
  expect(await body(berth, 'osys')).toBe('one');
  expect(readdirSync(sites)).toContain('osys.conf');

  const broken = `${text}nonsense on;\n`;
  writeFileSync(legacy, broken);
  await berth.commit({ 'deployments.yaml': fileOf(entry('osys', image, 'two'), entry('osnew', image)) });
  await until('it is told', () => berth.status('osys')?.error);
  expect(berth.status('osys')?.error).toMatch(/nginx refuses its own files.*nonsense.* in legacy\.conf:2/);
  expect((await cli(['doctor'], { env: berth.env })).out).toMatch(/^bad {2}nginx .*BERTH_NGINX_TEST/m);
  expect(await body(berth, 'osys')).toBe('one');
  expect(readFileSync(legacy, 'utf8')).toBe(broken);
  expect(readdirSync(sites)).not.toContain('osnew.conf');

  writeFileSync(legacy, text);
  await until(
    'both answer',
    async () => (await body(berth, 'osys')) === 'two' && (await body(berth, 'osnew')) !== '',
  );
  await berth.converged();
  expect(await body(berth, 'osnew')).toBe('osnew');
});

test('a managed nginx that can not start is said, tried again, and starts when it can', async () => {
  const port = await freePort();
  const stranger = createServer((_request, response) => response.end('stranger'));
  await new Promise<void>((done) => stranger.listen(port, '127.0.0.1', done));
  clean.push(() => {
    stranger.close();
  });
  const berth = await start({ BERTH_HTTP: `127.0.0.1:${port}` });
  await berth.commit({ 'deployments.yaml': fileOf(entry('omng', image)) });
  await until('healthz says so', () => health(berth).includes(`nginx can't listen on 127.0.0.1:${port}`));
  const doctor = await cli(['doctor'], { env: berth.env });
  expect(doctor.code).toBe(1);
  expect(doctor.out).toMatch(/^bad {2}sites port .* is taken/m);
  stranger.closeAllConnections();
  stranger.close();
  await until('it serves', async () => (await body(berth, 'omng')) === 'omng');
  await berth.converged();
  expect(health(berth)).toBe('');
});

test('a managed nginx that is killed comes back', async () => {
  const berth = await start({});
  await berth.commit({ 'deployments.yaml': fileOf(entry('okil', image)) });
  await berth.converged();
  const pid = Number(readFileSync(join(berth.dataDir, 'nginx', 'nginx.pid'), 'utf8'));
  const begun = performance.now();
  process.kill(pid, 'SIGKILL');
  await until('another one runs', () => {
    const now = Number(readFileSync(join(berth.dataDir, 'nginx', 'nginx.pid'), 'utf8'));
    return (
      now !== pid && berth.log.some((line) => line.includes('vhost (nginx) updated: nginx is not running'))
    );
  });
  await until('it serves', async () => (await body(berth, 'okil')) === 'okil');
  console.log(`nginx back ${Math.round(performance.now() - begun)} ms after it was killed`);
  await berth.converged();
  expect(health(berth)).toBe('');
});
