import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runStep } from '../core/step.ts';
import { createLogFiles } from './log-files.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-log-files-'));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

test('looking at logs before the first build makes nothing', async () => {
  expect(await createLogFiles(join(dir, 'logs'), runStep).list()).toEqual([]);
  expect(await readdir(dir)).toEqual([]);
});

test('logs that can not be read are not taken for none', async () => {
  await writeFile(join(dir, 'logs'), '');
  await expect(createLogFiles(join(dir, 'logs'), runStep).list()).rejects.toMatchObject({ code: 'ENOTDIR' });
});

test('each folder is a deployment, and removing one leaves the others', async () => {
  const files = createLogFiles(dir, runStep);
  await mkdir(join(dir, 'shop', 'web'), { recursive: true });
  await mkdir(join(dir, 'blog'));
  await writeFile(join(dir, 'shop', 'web', '1.log'), '{}\n');
  await writeFile(join(dir, 'note.txt'), 'by hand');
  expect(await files.list()).toEqual([
    { key: 'blog', deployment: 'blog' },
    { key: 'shop', deployment: 'shop' },
  ]);
  await files.remove('shop');
  await files.remove('shop');
  expect(await readdir(dir)).toEqual(['blog', 'note.txt']);
});
