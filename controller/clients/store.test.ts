import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TransientError } from '../core/errors.ts';
import type { Step } from '../core/step.ts';
import { EMPTY_STATE } from './state-shape.ts';
import { openStore } from './store.ts';
import type { PortRow, State } from './types.ts';

let dir = '';
let file = '';

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-store-'));
  file = join(dir, 'state.json');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const portRow = (port: number): PortRow => ({
  port,
  deployment: 'blog',
  service: 'web',
  instance: 'blog-web-3f9a1c02',
  allocatedAt: '2026-01-02T03:04:05.000Z',
});
const withPort =
  (port: number) =>
  (state: State): State => ({ ...state, ports: [...state.ports, portRow(port)] });

/** Counts writes, and can hold or fail them. */
function countingStep() {
  const seen = { labels: [] as string[], fail: undefined as Error | undefined };
  const step: Step = async (label, effect) => {
    seen.labels.push(label);
    if (seen.fail) throw seen.fail;
    return effect();
  };
  return { seen, step };
}

test('what was updated is there after a reopen, in a file only the owner can read', async () => {
  const store = await openStore(file);
  expect(store.state).toEqual(EMPTY_STATE);
  await store.update(withPort(3000));
  expect((await openStore(file)).state.ports).toEqual([portRow(3000)]);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readdir(dir)).toEqual(['state.json']);
});

test('opening alone writes nothing', async () => {
  await openStore(join(dir, 'deep', 'state.json'));
  expect(await readdir(join(dir, 'deep'))).toEqual([]);
});

test('an update that returns the same object writes nothing', async () => {
  const { seen, step } = countingStep();
  const store = await openStore(file, { step });
  await store.update((state) => state);
  expect(seen.labels).toEqual([]);
  await store.update(withPort(3000));
  await store.update((state) => state);
  expect(seen.labels).toEqual(['store.write']);
});

test('a change is visible at once, and many at the same time share few writes without one lost', async () => {
  const { seen, step } = countingStep();
  const store = await openStore(file, { step });
  const updates = Array.from({ length: 200 }, (_, n) => store.update(withPort(3000 + n)));
  expect(store.state.ports).toHaveLength(200);
  await Promise.all(updates);
  const ports = (await openStore(file)).state.ports.map((row) => row.port);
  expect(new Set(ports).size).toBe(200);
  expect(seen.labels.length).toBeLessThanOrEqual(3);
});

test('each update that resolved was on the disk at that moment', async () => {
  const store = await openStore(file);
  await Promise.all(
    Array.from({ length: 30 }, async (_, n) => {
      await store.update(withPort(3000 + n));
      const text = await readFile(file, 'utf8');
      expect(text).toContain(`"port": ${3000 + n}`);
    }),
  );
});

test('a change that throws changes nothing', async () => {
  const store = await openStore(file);
  await expect(
    store.update(() => {
      throw new Error('no');
    }),
  ).rejects.toThrow('no');
  expect(store.state).toBe(EMPTY_STATE);
});

test('a disk that refuses fails the update, keeps the old file, and the change goes with the next write', async () => {
  const store = await openStore(file);
  await store.update(withPort(3000));
  await rm(dir, { recursive: true });
  const failed = store.update(withPort(3001));
  await expect(failed).rejects.toThrow(TransientError);
  await expect(failed).rejects.toThrow(/state\.json can't be written \(ENOENT\)/);
  await mkdir(dir);
  await store.update((state) => state);
  expect((await openStore(file)).state.ports.map((row) => row.port)).toEqual([3000, 3001]);
});

test('one failed write does not take the next ones with it', async () => {
  const { seen, step } = countingStep();
  const store = await openStore(file, { step });
  seen.fail = new Error('crash');
  await expect(store.update(withPort(3000))).rejects.toThrow('crash');
  seen.fail = undefined;
  await store.update(withPort(3001));
  expect((await openStore(file)).state.ports).toHaveLength(2);
});

const good = JSON.stringify({ ...EMPTY_STATE, ports: [portRow(3000)] });
test.each([
  ['empty', ''],
  ['truncated', good.slice(0, -20)],
  ['garbage', '\u0000\u0001\u0002'],
  ['null', 'null'],
  ['a list', '[]'],
  ['of another version', good.replace('"version":1', '"version":2')],
  ['missing a field', good.replace('"receipts":[]', '"recipes":[]')],
  ['holding a port that is none', good.replace('3000', '70000')],
  ['holding a row of another shape', good.replace('"service":"web"', '"service":7')],
])('a file that is %s is set aside, told, and rebuilt', async (_name, text) => {
  await writeFile(file, text);
  const told: string[] = [];
  const store = await openStore(file, { warn: (message) => told.push(message) });
  expect(store.state).toEqual(EMPTY_STATE);
  expect(told).toHaveLength(1);
  const [aside] = await readdir(dir);
  expect(aside).toMatch(/^state\.json\.corrupt-/);
  expect(told[0]).toContain(aside);
  expect(await readFile(join(dir, aside ?? ''), 'utf8')).toBe(text);
});

test('of the files set aside the newest three stay', async () => {
  for (let n = 1; n <= 5; n += 1) await writeFile(`${file}.corrupt-2020-01-0${n}T00-00-00.000Z`, '');
  await writeFile(file, '{');
  await openStore(file);
  const names = (await readdir(dir)).sort();
  expect(names).toHaveLength(3);
  expect(names.slice(0, 2)).toEqual([
    'state.json.corrupt-2020-01-04T00-00-00.000Z',
    'state.json.corrupt-2020-01-05T00-00-00.000Z',
  ]);
});

test('temp files that a killed writer left are removed, and nothing else is', async () => {
  for (const name of ['state.json.0123456789ab.tmp', 'state.json.bak', 'other.0123456789ab.tmp'])
    await writeFile(join(dir, name), '');
  await openStore(file);
  expect((await readdir(dir)).sort()).toEqual(['other.0123456789ab.tmp', 'state.json.bak']);
});

test('a file that is there but can not be read is an error, not an empty state', async () => {
  await mkdir(file);
  await expect(openStore(file)).rejects.toThrow(/state\.json can't be read \(EISDIR\)/);
});
