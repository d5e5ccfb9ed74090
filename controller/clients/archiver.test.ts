import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runStep } from '../core/step.ts';
import { createArchiver } from './archiver.ts';

const VOLUME = { key: 'berth-blog-data', deployment: 'blog', createdAt: '2026-11-23T07:00:00Z' };

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-archiver-'));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

/** An archiver of a volume that reads as `content`, one read after the other. */
function begin(...content: readonly (string | Error)[]) {
  const errors: unknown[] = [];
  let reads = 0;
  let changes = 0;
  const archiver = createArchiver({
    engine: {
      async readVolume() {
        const next = content[Math.min(reads, content.length - 1)] ?? '';
        reads += 1;
        if (next instanceof Error) throw next;
        return Readable.from([next]);
      },
    },
    ...{ dir: join(dir, 'archive'), step: runStep, retryMs: 200 },
    onChange: () => {
      changes += 1;
    },
    onError: (error) => errors.push(error),
  });
  return { archiver, errors, reads: () => reads, changes: () => changes };
}

test('a volume is archived once, readable for nobody else, and told when it is done', async () => {
  const { archiver, changes, reads } = begin('all its files');
  expect(archiver.state(VOLUME)).toBe('ready');
  archiver.start(VOLUME);
  archiver.start(VOLUME);
  expect(archiver.state(VOLUME)).toBe('archiving');
  await expect.poll(changes).toBe(1);
  expect(archiver.state(VOLUME)).toBe('archived');
  expect(reads()).toBe(1);
  const [file = ''] = await readdir(join(dir, 'archive'));
  const path = join(dir, 'archive', file);
  expect(gunzipSync(await readFile(path)).toString()).toBe('all its files');
  expect((await stat(path)).mode & 0o077).toBe(0);
});

test('another volume of that name is not archived by the file of an earlier one', async () => {
  const { archiver, changes } = begin('old');
  archiver.start(VOLUME);
  await expect.poll(changes).toBe(1);
  expect(archiver.state({ ...VOLUME, createdAt: '2026-11-24T07:00:00Z' })).toBe('ready');
});

test('the archive of a volume that is used again is kept, and counts no more', async () => {
  const { archiver, changes } = begin('first', 'second');
  archiver.start(VOLUME);
  await expect.poll(changes).toBe(1);
  await archiver.setAside(VOLUME);
  expect(archiver.state(VOLUME)).toBe('ready');
  archiver.start(VOLUME);
  await expect.poll(changes).toBe(2);
  const files = await readdir(join(dir, 'archive'));
  const texts = await Promise.all(files.map((file) => readFile(join(dir, 'archive', file))));
  expect(texts.map((text) => gunzipSync(text).toString()).sort()).toEqual(['first', 'second']);
});

test('what fails leaves no file, and is not tried again in circles', async () => {
  const { archiver, errors, changes } = begin(new Error('no space'), new Error('no space'), 'fine');
  const begun = performance.now();
  archiver.start(VOLUME);
  await expect.poll(() => errors.length).toBe(1);
  expect(archiver.state(VOLUME)).toBe('archiving');
  expect(await readdir(join(dir, 'archive'))).toEqual([]);
  for (const time of [1, 2]) {
    await expect.poll(changes).toBe(time);
    expect(archiver.state(VOLUME)).toBe('ready');
    archiver.start(VOLUME);
  }
  await expect.poll(changes).toBe(3);
  expect(performance.now() - begun).toBeGreaterThan(200 + 400 - 10);
  expect(archiver.state(VOLUME)).toBe('archived');
});

test('closing waits for what is being written, and for no pause', async () => {
  const failing = begin(new Error('no space'));
  failing.archiver.start(VOLUME);
  await expect.poll(() => failing.errors.length).toBe(1);
  await failing.archiver.close();
  const working = begin('content');
  working.archiver.start(VOLUME);
  await working.archiver.close();
  expect(working.archiver.state(VOLUME)).toBe('archived');
});
