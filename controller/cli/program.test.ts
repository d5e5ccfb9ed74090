import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import bcrypt from 'bcryptjs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { run } from './program.ts';

let cwd = '';
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'berth-cli-'));
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

async function call(args: readonly string[], { env = {}, input = '' } = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await run(args, {
    env: { PATH: process.env.PATH, ...env },
    cwd,
    stdin: Readable.from([input]),
    print: (line) => out.push(line),
    complain: (line) => err.push(line),
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

describe('the frame', () => {
  test('--help lists every command', async () => {
    const { code, out } = await call(['--help']);
    expect(code).toBe(0);
    for (const name of ['start', 'once', 'plan', 'approve', 'validate', 'reseal', 'doctor', 'hash-password'])
      expect(out).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
  });

  test.each(['start', 'once', 'plan', 'approve', 'validate', 'reseal', 'doctor', 'hash-password'])(
    '%s has --help and --json',
    async (name) => {
      const { code, out } = await call([name, '--help']);
      expect(code).toBe(0);
      expect(out).toContain('--json');
    },
  );

  test.each(['start', 'once', 'plan', 'approve', 'validate', 'reseal', 'doctor'])(
    'the help of %s tells its exit codes, and no line is wider than a terminal of 120',
    async (name) => {
      const { out } = await call([name, '--help']);
      expect(out).toMatch(/^Exit: 0 /m);
      for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
    },
  );

  test('with --json a failure is JSON too', async () => {
    const { code, out, err } = await call(['validate', 'nowhere.yaml', '--json']);
    expect({ code, err }).toEqual({ code: 1, err: '' });
    expect(JSON.parse(out)).toEqual({
      error: { code: 'failed', message: expect.stringContaining("can't be read (ENOENT)") },
    });
  });

  test('--version is the one of package.json', async () => {
    expect(await call(['--version'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
  });

  test.each([[['deploy']], [['plan', '--jsno']], [['approve']], [['once', '--timeout', 'soon']]])(
    'wrong usage is an error: %j',
    async (args) => {
      const { code, err } = await call(args);
      expect(code).toBe(1);
      expect(err).toMatch(/^error: /);
    },
  );

  test.each(['start', 'once', 'plan', 'validate', 'reseal', 'doctor'])(
    '%s tells all wrong settings before it does anything',
    async (name) => {
      const env = { BERTH_PORTS: 'x', BERTH_BUILDS: 'y', BERTH_DATA_DIR: join(cwd, 'data') };
      const plain = await call([name], { env });
      expect(plain.code).toBe(1);
      expect(plain.err.split('\n').sort()).toEqual([
        expect.stringMatching(/^berth: BERTH_BUILDS is "y"/),
        expect.stringMatching(/^berth: BERTH_PORTS is "x"/),
      ]);
      const json = await call([name, '--json'], { env });
      expect(json.code).toBe(1);
      expect(JSON.parse(json.out).error).toMatchObject({
        code: 'bad-settings',
        details: [expect.anything(), expect.anything()],
      });
    },
  );
});

describe('hash-password', () => {
  test('prints a hash of the line on stdin, and needs no right settings', async () => {
    const { code, out } = await call(['hash-password'], {
      input: 'correct horse\n',
      env: { BERTH_PORTS: 'x' },
    });
    expect(code).toBe(0);
    expect(out).toMatch(/^\$2b\$12\$/);
    expect(await bcrypt.compare('correct horse', out)).toBe(true);
  });

  test('--json, and letters that keyboards write in two ways are one', async () => {
    const { out } = await call(['hash-password', '--json'], { input: 'cafe\u0301' });
    expect(await bcrypt.compare('caf\u00e9', JSON.parse(out).hash)).toBe(true);
  });

  test.each([
    ['empty', '', 'is empty'],
    ['a line end alone', '\n', 'is empty'],
    ['73 bytes', 'a'.repeat(73), 'over 72 bytes'],
    ['37 letters of two bytes', 'é'.repeat(37), 'over 72 bytes'],
    ['5 MB', 'a'.repeat(5_000_000), 'over 72 bytes'],
    ['two lines', 'a\nb\n', 'more than one line'],
  ])('a password that is %s is refused', async (_name, input, expected) => {
    const { code, out, err } = await call(['hash-password'], { input });
    expect(code).toBe(1);
    expect(out).toBe('');
    expect(err).toMatch(/^berth: /);
    expect(err).toContain(expected);
    expect(err).not.toContain('\n');
  });

  test('72 bytes are fine', async () => {
    expect((await call(['hash-password'], { input: 'é'.repeat(36) })).code).toBe(0);
  });
});

describe('validate', () => {
  const GOOD = 'deployments:\n  blog:\n    repo: https://git.example.com/acme/blog\n';

  test('a good file', async () => {
    await writeFile(join(cwd, 'deployments.yaml'), GOOD);
    expect(await call(['validate'])).toEqual({
      code: 0,
      out: 'deployments.yaml: 1 deployment, no errors',
      err: '',
    });
    const { out } = await call(['validate', '--json']);
    expect(JSON.parse(out)).toEqual({ ok: true, problems: [], warnings: [] });
  });

  test('a wrong file: every error with its place', async () => {
    await writeFile(join(cwd, 'other.yaml'), `${GOOD}    port: 80\n    prot: 1\n`);
    const { code, err } = await call(['validate', 'other.yaml']);
    expect(code).toBe(1);
    expect(err).toContain('other.yaml:4:');
    expect(err).toContain('other.yaml:5:');
    const json = await call(['validate', 'other.yaml', '--json']);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.out).problems.length).toBeGreaterThanOrEqual(2);
  });

  test('settings count: a port of the automatic range and our own ports can not be pinned', async () => {
    await writeFile(join(cwd, 'deployments.yaml'), `${GOOD}    port: 5000\n`);
    expect((await call(['validate'])).code).toBe(0);
    expect((await call(['validate'], { env: { BERTH_LISTEN: '127.0.0.1:5000' } })).code).toBe(1);
    expect((await call(['validate'], { env: { BERTH_PORTS: '5000-5010' } })).code).toBe(1);
  });

  test.each([
    ['missing', 'nowhere.yaml', 'ENOENT'],
    ['a directory', '.', 'EISDIR'],
  ])('a file that is %s is a sentence', async (_name, file, expected) => {
    const { code, err } = await call(['validate', file]);
    expect(code).toBe(1);
    expect(err).toMatch(/^berth: .*name the file to check$/);
    expect(err).toContain(expected);
  });

  test('one that is too big is refused by its size', async () => {
    await writeFile(join(cwd, 'deployments.yaml'), '#'.repeat(3 * 2 ** 20));
    const { code, err } = await call(['validate']);
    expect(code).toBe(1);
    expect(err).toMatch(/1 MiB/);
  });
});
