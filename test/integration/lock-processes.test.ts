import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { buildDist, distUrl } from '../support/dist.ts';

const ROUNDS = 50;
const MAIN = fileURLToPath(distUrl('main.js'));
const HOLDER = `
  import { takeLock } from ${JSON.stringify(distUrl('clients/lock.js'))};
  try {
    globalThis.lock = await takeLock(process.argv[1]);
    console.log('held');
    setInterval(() => {}, 60_000);
  } catch (error) {
    console.log(error.name + ' ' + error.pid);
  }`;

let dir = '';
const started = new Set<ChildProcess>();

beforeAll(buildDist);
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-lock-test-'));
});
afterEach(async () => {
  for (const child of started) await end(child);
  await rm(dir, { recursive: true, force: true });
});

/** Starts a taker; `said` is its one line. */
function take() {
  const child = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.add(child);
  const said = once(createInterface(child.stdout), 'line').then(([line]) => String(line));
  return { child, said };
}

async function end(child: ChildProcess): Promise<void> {
  started.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** Takers one after the other until one holds; gives how long that took. */
async function takeWithin(ms: number): Promise<number> {
  const start = performance.now();
  while (performance.now() - start < ms + 5000) {
    const { child, said } = take();
    const line = await said;
    if (line === 'held') return performance.now() - start;
    await end(child);
  }
  throw new Error('the lock was never freed');
}

test(`of two that start together exactly one holds, and the other is told its pid (${ROUNDS} times)`, async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const pair = [take(), take()];
    const lines = await Promise.all(pair.map(({ said }) => said));
    const winner = lines.indexOf('held');
    expect(
      lines.filter((line) => line === 'held'),
      `round ${round}`,
    ).toHaveLength(1);
    expect(lines[1 - winner]).toBe(`LockHeldError ${pair[winner]?.child.pid}`);
    await Promise.all(pair.map(({ child }) => end(child)));
  }
});

test('kill -9 of the holder frees it within a second', async () => {
  const holder = take();
  expect(await holder.said).toBe('held');
  const start = performance.now();
  await end(holder.child);
  await takeWithin(1000);
  // Most of it is the start of the second process.
  expect(performance.now() - start).toBeLessThan(1000);
});

test('a holder that is stopped keeps it', async () => {
  const holder = take();
  expect(await holder.said).toBe('held');
  holder.child.kill('SIGSTOP');
  for (let n = 0; n < 3; n += 1) {
    const other = take();
    expect(await other.said).toBe(`LockHeldError ${holder.child.pid}`);
    await end(other.child);
  }
  holder.child.kill('SIGCONT');
  await end(holder.child);
  await takeWithin(1000);
});

test('children of the holder do not inherit it', async () => {
  const script = HOLDER.replace(
    "console.log('held')",
    `const { spawn } = await import('node:child_process');
     const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
     console.log('held ' + child.pid)`,
  );
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.add(child);
  const [line] = await once(createInterface(child.stdout), 'line');
  const orphan = Number(String(line).split(' ')[1]);
  try {
    await end(child);
    await takeWithin(1000);
  } finally {
    process.kill(orphan, 'SIGKILL');
  }
});

test('a second controller ends with 3 and says who holds the data dir', async () => {
  const holder = take();
  expect(await holder.said).toBe('held');
  const env = { PATH: process.env.PATH, BERTH_DATA_DIR: dir };
  const child = spawn(process.execPath, [MAIN, 'start'], {
    cwd: dir,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  started.add(child);
  let words = '';
  child.stderr.on('data', (chunk) => {
    words += chunk;
  });
  const [code] = await once(child, 'close');
  expect(words).toBe(
    `berth: process ${holder.child.pid} already runs on ${dir}: stop it, or set BERTH_DATA_DIR to another directory\n`,
  );
  expect(code).toBe(3);
});
