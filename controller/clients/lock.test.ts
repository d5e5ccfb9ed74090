import { mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LockHeldError, takeLock } from './lock.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-lock-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('a second taker is told who holds the data dir, and gets it after the release', async () => {
  const first = await takeLock(dir);
  expect(await readFile(join(dir, 'lock'), 'utf8')).toBe(`${process.pid}\n`);
  const second = await takeLock(dir).catch((error: unknown) => error);
  expect(second).toBeInstanceOf(LockHeldError);
  expect(second).toMatchObject({ pid: process.pid });
  expect(String(second)).toContain(`process ${process.pid} already runs on ${dir}`);
  first.release();
  first.release();
  (await takeLock(dir)).release();
});

test('the directory is made when it is not there', async () => {
  const lock = await takeLock(join(dir, 'a', 'b'));
  lock.release();
});

test('a pid that a dead holder left is no obstacle and is never named', async () => {
  await writeFile(join(dir, 'lock'), '999999999 of a longer time ago\n');
  const lock = await takeLock(dir);
  expect(await readFile(join(dir, 'lock'), 'utf8')).toBe(`${process.pid}\n`);
  lock.release();
});

test('removing the lock file is noticed, since another controller could start then', async () => {
  const lock = await takeLock(dir);
  await rename(join(dir, 'lock'), join(dir, 'elsewhere'));
  const other = await takeLock(dir);
  await lock.lost;
  lock.release();
  other.release();
});

test('a link in the place of the lock is refused', async () => {
  await writeFile(join(dir, 'target'), 'precious');
  await symlink(join(dir, 'target'), join(dir, 'lock'));
  await expect(takeLock(dir)).rejects.toThrow(/ELOOP/);
  expect(await readFile(join(dir, 'target'), 'utf8')).toBe('precious');
});
