/** The data dir is full: said, nothing is lost, what can go on does, and it mends itself. The disk is a small tmpfs. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Berth, startBerth } from '../support/berth.ts';
import { entry, fileOf } from '../support/entries.ts';
import { tinyImage } from '../support/tiny-image.ts';
import { until } from '../support/until.ts';

const asRoot = process.getuid?.() === 0;

let disk: string;
let berth: Berth;
let image: string;

const answer = (name: string): Promise<string> =>
  berth.get(`${name}.localhost`).then(
    ({ body }) => body,
    () => '',
  );
const filler = (): string => join(disk, 'filler');

/** Writes until not a byte is left. */
function fill(): void {
  for (let bytes = 2 ** 20; bytes >= 1; bytes = Math.floor(bytes / 2)) {
    try {
      for (;;) writeFileSync(filler(), Buffer.alloc(bytes), { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
}

beforeAll(async () => {
  image = await tinyImage();
  disk = mkdtempSync(join(tmpdir(), 'berth-disk-'));
  if (asRoot) execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=755', 'tmpfs', disk]);
  chmodSync(disk, 0o755);
  const before = process.env.TMPDIR;
  process.env.TMPDIR = disk;
  try {
    berth = await startBerth({ BERTH_PORTS: '7650-7699' });
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
});

afterAll(async () => {
  try {
    rmSync(filler(), { force: true });
    await berth.tearDown();
  } finally {
    if (asRoot) execFileSync('umount', ['--lazy', disk]);
    rmSync(disk, { recursive: true, force: true });
  }
});

test.skipIf(!asRoot)(
  'a full disk is said; what runs goes on, and what waited follows when there is room',
  async () => {
    await berth.commit({ 'deployments.yaml': fileOf(entry('ofull', image, 'one')) });
    await berth.converged();
    const from = berth.log.length;
    fill();
    // What needs no file of ours is healed as ever.
    const name = execFileSync('docker', [
      'ps',
      '--filter',
      `label=berth.owner=${berth.owner}`,
      '--format',
      '{{.Names}}',
    ]);
    execFileSync('docker', ['rm', '-f', name.toString().trim()]);
    await until('it is said', () =>
      berth.log.slice(from).some((line) => /state\.json can't be written \(ENOSPC\)/.test(line)),
    );
    await until('it serves again', async () => (await answer('ofull')) === 'one');
    const state = JSON.parse(readFileSync(join(berth.dataDir, 'state.json'), 'utf8'));
    expect(state.ports).toHaveLength(1);
    expect(berth.log.slice(from).join('\n')).not.toContain('the pass broke off');

    rmSync(filler());
    await berth.commit({ 'deployments.yaml': fileOf(entry('ofull', image, 'two'), entry('ofnew', image)) });
    await berth.converged();
    expect([await answer('ofull'), await answer('ofnew')]).toEqual(['two', 'ofnew']);
    const { passes } = JSON.parse(readFileSync(join(berth.dataDir, 'state.json'), 'utf8'));
    expect(passes.map(({ lines }: { lines: readonly string[] }) => lines.join()).join()).toContain(
      'instance ofnew-web',
    );
  },
);
