import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createApp } from '../api/app.ts';
import { generationHost } from '../clients/nginx/config.ts';
import { readSettings, type Settings } from '../settings.ts';
import { engineFinding } from './doctor-engine.ts';
import { portFinding } from './doctor-ports.ts';
import { configRepoFinding } from './doctor-repo.ts';

let dir = '';
const servers: Server[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-doctor-'));
});
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  await rm(dir, { recursive: true, force: true });
});

async function listen(answer: RequestListener, host = '127.0.0.1'): Promise<number> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
}

function settings(env: Record<string, string>): Settings {
  const read = readSettings(env, dir);
  if (!read.settings) throw new Error(read.errors.join('\n'));
  return read.settings;
}

describe('the engine', () => {
  test('that answers is well, with its version', async () => {
    const port = await listen((_request, response) =>
      response.end('{"Version":"20.10.24","ApiVersion":"1.41"}'),
    );
    expect(await engineFinding(`tcp://127.0.0.1:${port}`)).toEqual({
      name: 'engine',
      ok: true,
      found: `20.10.24 (API 1.41) at tcp://127.0.0.1:${port}`,
    });
  });

  test.each<[string, RequestListener]>([
    ['a page', (_request, response) => response.end('<html>login</html>')],
    ['an error', (_request, response) => response.writeHead(500).end('{}')],
    ['something else', (_request, response) => response.end('{"hello":1}')],
  ])('that answers with %s is bad', async (_name, answer) => {
    const finding = await engineFinding(`tcp://127.0.0.1:${await listen(answer)}`);
    expect(finding.ok).toBe(false);
    expect(finding.mend).toBeDefined();
  });

  test('that is not there is named with what to do', async () => {
    expect(await engineFinding(join(dir, 'docker.sock'))).toEqual({
      name: 'engine',
      ok: false,
      found: `${join(dir, 'docker.sock')} is not there`,
      mend: 'apt-get install docker.io, then systemctl start docker',
    });
  });
});

describe('a port', () => {
  const at = (port: number, host = '127.0.0.1') =>
    portFinding('port', { host, port, variable: 'BERTH_HTTP', owner: 'me' });

  test('that is free is well, and is free again afterwards', async () => {
    const port = await listen(() => undefined);
    await new Promise((resolve) => servers.pop()?.close(resolve));
    for (let n = 0; n < 2; n += 1)
      expect(await at(port)).toMatchObject({ ok: true, found: `127.0.0.1:${port} is free` });
  });

  test('that a stranger holds is bad', async () => {
    const port = await listen((_request, response) => response.end('Apache'));
    expect(await at(port)).toMatchObject({ ok: false, mend: expect.stringContaining('set BERTH_HTTP') });
  });

  test('that a running controller holds is well, also while it is ill', async () => {
    const app = createApp({ health: () => ({ ok: false, reasons: ['nginx is down'] }) });
    expect(await at(await listen(app.callback()))).toMatchObject({
      ok: true,
      found: expect.stringContaining('berth'),
    });
  });

  test('that our own nginx holds is well, and that of another owner is not', async () => {
    const port = await listen((request, response) => {
      if (request.headers.host === generationHost('me')) response.end('0123456789abcdef 42');
      else response.writeHead(421).end('no site of this name here');
    });
    expect(await at(port)).toMatchObject({ ok: true });
    const other = { host: '127.0.0.1', port, variable: 'BERTH_HTTP', owner: 'you' };
    expect(await portFinding('port', other)).toMatchObject({ ok: false });
  });

  test('on an address that is not ours is bad', async () => {
    expect(await at(8080, '192.0.2.1')).toMatchObject({
      ok: false,
      found: '192.0.2.1 is no address of this machine',
    });
  });
});

describe('the config repo', () => {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: dir, stdio: 'ignore' });

  test('that Berth would make is well before the first start', async () => {
    expect(await configRepoFinding(settings({}))).toMatchObject({ ok: true });
  });

  test('with the branch is well, bare or not; without it, it is bad', async () => {
    git('init', '-b', 'main', 'repo');
    git('-C', 'repo', '-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '--allow-empty', '-m', 'one');
    git('clone', '--bare', 'repo', 'bare.git');
    for (const repo of ['repo', 'bare.git'])
      expect(await configRepoFinding(settings({ BERTH_CONFIG_REPO: repo }))).toMatchObject({ ok: true });
    const other = settings({ BERTH_CONFIG_REPO: 'repo', BERTH_CONFIG_BRANCH: 'prod' });
    expect(await configRepoFinding(other)).toMatchObject({
      ok: false,
      found: `${join(dir, 'repo')} has no branch prod`,
    });
  });

  test('that is a plain directory, or none, is bad', async () => {
    git('init', '-b', 'main');
    git(
      '-c',
      'user.name=a',
      '-c',
      'user.email=a@b',
      'commit',
      '--allow-empty',
      '-m',
      'of another repository',
    );
    await mkdir(join(dir, 'plain'));
    for (const repo of ['plain', 'nowhere'])
      expect(await configRepoFinding(settings({ BERTH_CONFIG_REPO: repo }))).toMatchObject({ ok: false });
  });

  test('behind HTTP that is down or no Git server is bad, and its token is never told', async () => {
    const port = await listen((_request, response) => response.end('<html>'));
    for (const url of [`http://127.0.0.1:${port}/a`, 'http://127.0.0.1:1/a']) {
      const finding = await configRepoFinding(
        settings({ BERTH_CONFIG_REPO: url, BERTH_CONFIG_TOKEN: 'canary-token' }),
      );
      expect(finding.ok).toBe(false);
      expect(JSON.stringify(finding)).not.toContain('canary');
      expect(JSON.stringify(finding)).not.toContain(Buffer.from('canary').toString('base64').slice(0, 6));
    }
  });
});
