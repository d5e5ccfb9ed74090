import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runStep, type Step } from '../core/step.ts';
import { keepKey, randomKey, readKey } from './keys.ts';

let dir: string;
let file: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-keys-'));
  file = join(dir, 'keys', 'hash');
});

afterEach(() => rm(dir, { recursive: true, force: true }));

test('a key is made once, and the same ever after', async () => {
  const labels: string[] = [];
  const step: Step = (label, effect) => {
    labels.push(label);
    return effect();
  };
  const first = await keepKey(file, step, randomKey);
  expect(first).toMatch(/^[0-9a-f]{64}$/);
  expect(await keepKey(file, step, randomKey)).toBe(first);
  expect(labels).toEqual([`keys.write ${file}`]);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await stat(join(dir, 'keys'))).mode & 0o077).toBe(0);
});

test('reading makes none', async () => {
  expect(await readKey(file)).toBeUndefined();
  await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('an empty or unreadable key is refused and left as it is, since a new one would replace every instance', async () => {
  const empty = join(dir, 'empty');
  await writeFile(empty, '\n');
  await expect(keepKey(empty, runStep, randomKey)).rejects.toThrow(/is empty: restore it from a backup/);
  expect(await readFile(empty, 'utf8')).toBe('\n');
  await expect(keepKey(dir, runStep, randomKey)).rejects.toThrow(/can't be read \(EISDIR\)/);
});
