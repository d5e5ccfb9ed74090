import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import {
  appendFile,
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NOBODY = 65534;
const asRoot = process.getuid?.() === 0;
const onDebian = existsSync('/etc/debian_version');

let dir = '';
let clone = '';
/** Stands in for PATH; /usr/sbin is always looked at beside it. */
let bin = '';

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-setup-test-'));
  await chmod(dir, 0o755);
  clone = join(dir, 'clone');
  bin = join(dir, 'bin');
  await mkdir(clone);
  await mkdir(bin);
  for (const name of [
    'setup.mjs',
    'scripts',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'tsconfig.build.json',
  ])
    await cp(join(ROOT, name), join(clone, name), { recursive: true });
  await mkdir(join(clone, 'controller'));
  await writeFile(join(clone, 'controller', 'main.ts'), 'export const main = 1;\n');
  await symlink(join(ROOT, 'node_modules'), join(clone, 'node_modules'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  readonly tookMs: number;
}

/** Resolves when the process is gone and nobody holds its output any more. */
function setup(args: readonly string[] = [], { env = {}, uid = process.getuid?.() ?? 0 } = {}): Promise<Run> {
  const start = performance.now();
  const child = spawn(process.execPath, [join(clone, 'setup.mjs'), ...args], {
    cwd: clone,
    uid,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err, tookMs: performance.now() - start }));
  });
}

/** A program of our own in PATH; it notes how it was called. */
async function program(name: string, script = ''): Promise<void> {
  const text = `#!/bin/sh\necho "${name} $*" >> ${join(dir, 'calls')}\n${script}\n`;
  await writeFile(join(bin, name), text, { mode: 0o755 });
}

async function calls(): Promise<readonly string[]> {
  const file = join(dir, 'calls');
  return existsSync(file) ? (await readFile(file, 'utf8')).trim().split('\n') : [];
}

describe('when all is there', () => {
  test('it says nothing and is quick', async () => {
    expect((await setup(['--build'])).code).toBe(0);
    const runs = [await setup(['--test']), await setup(['--test']), await setup()];
    for (const run of runs) expect(run).toMatchObject({ code: 0, out: '', err: '' });
    const best = Math.min(...runs.map((run) => run.tookMs));
    console.log(`setup with nothing to do: ${Math.round(best)} ms`);
    expect(best).toBeLessThan(1000);
  });
});

describe('the build', () => {
  test('is made when it is missing, and again only when a source changed', async () => {
    const first = await setup(['--build']);
    expect(first).toMatchObject({ code: 0, out: 'setup: building (npm run build)\n', err: '' });
    expect((await stat(join(clone, 'dist', 'main.js'))).mode & 0o111).toBe(0o111);
    await utimes(join(clone, 'controller', 'main.ts'), new Date(), new Date());
    expect((await setup(['--build'])).out).toBe('');
    await appendFile(join(clone, 'controller', 'main.ts'), 'export const more = 2;\n');
    expect((await setup(['--build'])).out).toContain('building');
    expect(await readFile(join(clone, 'dist', 'main.js'), 'utf8')).toContain('more');
    await writeFile(join(clone, 'controller', 'main.test.ts'), 'not even TypeScript');
    expect((await setup(['--build'])).out).toBe('');
  });

  test('that fails shows why, and is tried again', async () => {
    await writeFile(join(clone, 'controller', 'main.ts'), 'export const main: string = 1;\n');
    for (let n = 0; n < 2; n += 1) {
      const { code, err } = await setup(['--build']);
      expect(code).toBe(1);
      expect(err).toContain('controller/main.ts(1,14)');
      expect(err).toContain('the build failed');
    }
  });
});

describe('node modules', () => {
  const NPM =
    'case "$1" in ci) /bin/mkdir -p node_modules;; run) /bin/mkdir -p dist; : > dist/main.js;; esac';

  test('are installed when they are missing, and again only when the lock changed', async () => {
    await rm(join(clone, 'node_modules'));
    await program('npm', NPM);
    const env = { PATH: bin };
    expect((await setup(['--build'], { env })).out).toContain('setup: installing node modules (npm ci)\n');
    expect(await calls()).toContainEqual(expect.stringMatching(/^npm ci --include=dev/));
    expect((await setup(['--build'], { env })).out).toBe('');
    await appendFile(join(clone, 'package-lock.json'), '\n');
    expect((await setup(['--build'], { env })).out).toContain('npm ci');
  });

  test('that somebody installed already are taken as they are', async () => {
    await rm(join(clone, 'node_modules'));
    await mkdir(join(clone, 'node_modules'));
    await cp(
      join(ROOT, 'node_modules', '.package-lock.json'),
      join(clone, 'node_modules', '.package-lock.json'),
    );
    await program('npm', NPM);
    expect((await setup(['--build'], { env: { PATH: bin } })).out).not.toContain('npm ci');
  });

  test('an npm that fails shows its words', async () => {
    await rm(join(clone, 'node_modules'));
    await program('npm', 'echo "npm error: no network" >&2; exit 7');
    const { code, err } = await setup([], { env: { PATH: bin } });
    expect(code).toBe(1);
    expect(err).toContain('npm error: no network');
  });
});

describe('the machine', () => {
  /** Answers pings to any user, unlike the real socket. */
  let engine = '';
  let server: Server | undefined;
  beforeEach(async () => {
    await setup(['--build']);
    // A copy that any user may read, wherever the real one lies.
    await rm(join(clone, 'node_modules'));
    await mkdir(join(clone, 'node_modules'));
    await cp(join(ROOT, 'node_modules/.berth-stamp'), join(clone, 'node_modules/.berth-stamp'));
    const listening = createServer((_request, response) => response.end('OK'));
    server = listening;
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    engine = `tcp://127.0.0.1:${(listening.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    server?.close();
  });

  test.skipIf(!asRoot || !onDebian)(
    'a user who is not root is told the exact commands, and nothing is done',
    async () => {
      await program('apt-get');
      const env = { PATH: bin, DOCKER_HOST: engine };
      const { code, out, err } = await setup([], { env, uid: NOBODY });
      expect(code).toBe(1);
      expect(out).toBe('');
      expect(err).toMatch(/^berth needs what is not here: git, ca-certificates/);
      expect(err).toContain(
        '  sudo apt-get update\n  sudo apt-get install -y --no-install-recommends git ca-certificates',
      );
      expect(await calls()).toEqual([]);
    },
  );

  test.skipIf(!asRoot)('another family of systems gets its own commands', async () => {
    await program('dnf');
    const env = { PATH: bin, DOCKER_HOST: engine };
    const { code, err } = await setup([], { env });
    expect(code).toBe(1);
    expect(err).toContain('  dnf install -y git ca-certificates util-linux');
    expect(await calls()).toEqual([]);
  });

  test.skipIf(!asRoot || !onDebian)(
    'root on Debian installs what is missing, a line for each thing',
    async () => {
      const install = `case "$*" in *install*) for f in git flock; do /bin/ln -sf /usr/bin/$f ${bin}/$f; done;; esac`;
      await program('apt-get', install);
      const env = { PATH: bin, DOCKER_HOST: engine };
      const { code, out, err } = await setup([], { env });
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).toBe('setup: installing git, ca-certificates, util-linux (apt-get)\n');
      const [update, add, ...more] = await calls();
      expect(update).toBe('apt-get update -q');
      expect(add).toMatch(/^apt-get install -y .*--no-install-recommends .*git ca-certificates util-linux$/);
      expect(more).toEqual([]);
      expect(await setup([], { env })).toMatchObject({ code: 0, out: '', err: '' });
    },
  );

  test.skipIf(!asRoot || !onDebian)('an installation that fails shows its words', async () => {
    await program('apt-get', 'echo "E: Unable to fetch" >&2; exit 100');
    const { code, err } = await setup([], { env: { PATH: bin, DOCKER_HOST: engine } });
    expect(code).toBe(1);
    expect(err).toContain('E: Unable to fetch\napt-get update failed');
  });

  test.skipIf(!asRoot || !onDebian)(
    'a daemon that an installation starts holds none of our output open',
    async () => {
      const pidFile = join(dir, 'pid');
      await program('apt-get', `/bin/sleep 60 & echo $! > ${pidFile}\nexit 1`);
      try {
        const { code, tookMs } = await setup([], { env: { PATH: bin, DOCKER_HOST: engine } });
        expect(code).toBe(1);
        expect(tookMs).toBeLessThan(20_000);
      } finally {
        process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGKILL');
      }
    },
  );

  test.each([
    ['tcp://127.0.0.1:1', 'ECONNREFUSED'],
    ['unix:///nowhere/docker.sock', 'ENOENT'],
    ['ssh://me@host', 'not a path, unix:// or tcp://'],
  ])('an engine that is not ours to start is only named: %s', async (host, why) => {
    const { code, out, err } = await setup([], { env: { DOCKER_HOST: host } });
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toBe(`no container engine answers at ${host} (${why}): start it, or mend DOCKER_HOST\n`);
  });

  test('an engine named in .env is asked, too', async () => {
    await writeFile(join(clone, '.env'), 'DOCKER_HOST=tcp://127.0.0.1:1\n');
    expect((await setup()).err).toContain('no container engine answers at tcp://127.0.0.1:1');
  });
});
