import { mkdtemp, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMask } from '../core/mask.ts';
import { buildLogPath, cleanText, openBuildLog } from './build-log.ts';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-log-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const at = '2026-01-02T03:04:05.000Z';
const line = (text: string, level: 'info' | 'error' = 'info') =>
  ({ at, level, stream: 'stdout', text }) as const;
const rows = async (path: string): Promise<readonly { text: string; stream: string }[]> =>
  (await readFile(path, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text));

describe('a build log', () => {
  it('is JSON lines, for nobody else to read', async () => {
    const path = join(dir, 'a/b/c.log');
    const log = await openBuildLog(path);
    log.say('plan: node');
    log.line(line('step 1'));
    expect(await log.close()).toBeUndefined();
    expect(await rows(path)).toEqual([
      { at: expect.any(String), level: 'info', stream: 'berth', text: 'plan: node' },
      { at, level: 'info', stream: 'stdout', text: 'step 1' },
    ]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('lets go of the oldest of its service', async () => {
    for (let index = 0; index < 23; index += 1) {
      const log = await openBuildLog(join(dir, `many/web/${index}.log`));
      await log.close();
      await utimes(join(dir, `many/web/${index}.log`), index, index);
    }
    const left = (await readdir(join(dir, 'many/web'))).map((name) => Number.parseInt(name, 10));
    expect(left.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 3));
  });

  it('ends with a marker when it is too large', async () => {
    const path = join(dir, 'large.log');
    const log = await openBuildLog(path, undefined, 2_000);
    for (let index = 0; index < 100; index += 1) log.line(line(`line ${index}`));
    await log.close();
    expect((await stat(path)).size).toBeLessThan(2_200);
    expect((await rows(path)).at(-1)?.text).toMatch(/the log is cut here/);
  });

  describe('masks before it keeps anything', () => {
    const secret = `hunter2-${'0123456789'.repeat(3)}`;
    it.each([
      ['a secret in a line', [`token ${secret}.`]],
      ['a secret in colours', [`token hunter2-\x1b[31m${secret.slice(8)}\x1b[0m.`]],
      ['a secret between cursor moves', [`token hunter2-\x1b[2K${secret.slice(8)}.`]],
      ['a secret that a line’s limit cuts', [`${'x'.repeat(16_384 - 10)}${secret}.`]],
      [
        'a secret that is split over two lines of 16 kB',
        [`${'x'.repeat(16_384 - 20)}${secret.slice(0, 20)}`, `${secret.slice(20)}.`],
      ],
    ])('%s', async (name, lines) => {
      const path = join(dir, `masked-${name}.log`);
      const mask = createMask();
      mask.add(secret);
      const log = await openBuildLog(path, mask);
      for (const text of lines) log.line(line(text, 'error'));
      await log.close();
      const kept = (await rows(path)).map(({ text }) => text).join('');
      expect(kept).toMatch(/\[redacted\]\.$|\[redacted.*characters\)$/);
      expect(kept + log.lastWords()).not.toMatch(/hunter2|0123456789/);
    });

    it('and what is held back at the end is not lost', async () => {
      const path = join(dir, 'held.log');
      const mask = createMask();
      mask.add(secret);
      const log = await openBuildLog(path, mask);
      log.line(line(`${'x'.repeat(16_384)}hunter2`));
      await log.close();
      expect((await rows(path)).at(-1)?.text).toBe('hunter2');
    });
  });

  it('remembers the last words of the build, errors first', async () => {
    const log = await openBuildLog(join(dir, 'words.log'));
    log.line(line('\x1b[31mit broke\x1b[0m', 'error'));
    log.line(line('cleaning up'));
    log.say('Berth says', 'error');
    await log.close();
    expect(log.lastWords()).toBe('it broke');
  });

  it('that can’t be written tells when it is closed', async () => {
    const log = await openBuildLog('/dev/full');
    for (let index = 0; index < 1_000; index += 1) log.line(line('x'.repeat(1_000)));
    expect(await log.close()).toMatchObject({ code: 'ENOSPC' });
  });

  it.each([
    ['own', 'build', 'berth/blog-web:0123456789ab-deadbeef', 'blog/web/0123456789ab-deadbeef.log'],
    ['foreign', 'pull', 'localhost:5000/a/b:1', 'blog/web/localhost_5000_a_b_1.log'],
    ['hostile', 'pull', '../../etc/passwd', 'blog/web/__.._etc_passwd.log'],
  ])('of an %s image has its place', (_name, kind, key, path) => {
    expect(buildLogPath('', { key, deployment: 'blog', service: 'web', from: { kind } })).toBe(path);
  });
});

describe('a line', () => {
  it.each([
    ['keeps colours', '\x1b[1;31mred\x1b[0m', '\x1b[1;31mred\x1b[0m'],
    ['loses cursor moves and screen clears', 'a\x1b[2Kb\x1b[10Ac\x1b[?25l\x1b[2J', 'abc'],
    ['loses titles and links', '\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b', 'ab'],
    ['loses a broken sequence', 'a\x1b', 'a'],
    ['loses other control characters but tabs', 'a\x00\x08\tb\x7f\x9b', 'a\tb'],
    ['is what a progress bar showed last', '10 %\r50 %\rdone', 'done'],
    ['ends without its line end', 'a\r\n', 'a'],
  ])('%s', (_name, raw, clean) => {
    expect(cleanText(raw)).toBe(clean);
  });

  it('is cut at 16 kB', async () => {
    const path = join(dir, 'long.log');
    const log = await openBuildLog(path);
    log.line(line('x'.repeat(100_000)));
    await log.close();
    expect((await rows(path))[0]?.text).toMatch(/^x{16384} … \(100000 characters\)$/);
  });
});
