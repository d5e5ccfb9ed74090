import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { openStore } from '../../controller/clients/store.ts';
import type { State } from '../../controller/clients/types.ts';
import { buildDist, distUrl } from '../support/dist.ts';

const KILLS = 30;

let dir = '';
beforeAll(buildDist);
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-store-test-'));
});
afterEach(async () => {
  spawnSync('umount', [join(dir, 'small')], { stdio: 'ignore' });
  await rm(dir, { recursive: true, force: true });
});

const receipts =
  (count: number) =>
  (state: State): State => ({
    ...state,
    receipts: Array.from({ length: count }, (_, n) => ({
      deployment: `d${n}`,
      commit: '',
      at: '',
      removed: [],
    })),
  });

test(`kill -9 while it writes loses nothing that was promised (${KILLS} times)`, async () => {
  const file = join(dir, 'state.json');
  const writer = `
    import { openStore } from ${JSON.stringify(distUrl('clients/store.js'))};
    const store = await openStore(process.argv[1], { warn: (message) => console.log('corrupt ' + message) });
    for (let n = Number(process.argv[2]); ; n += 1) {
      const removed = Array.from({ length: 2000 }, (_, i) => 'image berth/' + i);
      await store.update((state) => ({ ...state, removals: { n: [String(n)], filler: removed } }));
      console.log(n);
    }`;
  let promised = 0;
  for (let round = 0; round < KILLS; round += 1) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', writer, file, String(promised + 1)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines: string[] = [];
    const said = createInterface(child.stdout).on('line', (line) => {
      lines.push(line);
      // At another place of the write each time.
      if (lines.length === 2) setTimeout(() => child.kill('SIGKILL'), round / 5);
    });
    await Promise.all([once(child, 'exit'), once(said, 'close')]);
    expect(lines.filter((line) => line.startsWith('corrupt'))).toEqual([]);
    promised = Math.max(promised, ...lines.map(Number));
    const state: State = JSON.parse(await readFile(file, 'utf8'));
    expect(Number(state.removals.n?.[0])).toBeGreaterThanOrEqual(promised);
  }
  await openStore(file);
  expect(await readdir(dir)).toEqual(['state.json']);
});

test('a full disk keeps the old file whole, and once there is room the change is written', async (context) => {
  const small = join(dir, 'small');
  await mkdir(small);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', small]);
  if (mounted.status !== 0) return context.skip('a small file system can only be mounted by root');
  const file = join(small, 'state.json');
  const store = await openStore(file);
  await store.update(receipts(100));
  const before = await readFile(file, 'utf8');
  await writeFile(join(small, 'filler'), Buffer.alloc(256 * 1024)).catch(() => undefined);

  await expect(store.update(receipts(2000))).rejects.toThrow(
    /state\.json can't be written \(ENOSPC\): make room/,
  );
  expect(await readFile(file, 'utf8')).toBe(before);
  expect((await readdir(small)).sort()).toEqual(['filler', 'state.json']);

  await rm(join(small, 'filler'));
  await store.update((state) => state);
  expect((await openStore(file)).state.receipts).toHaveLength(2000);
});
