import { expect, test } from 'vitest';
import { EMPTY_STATE } from '../clients/state-shape.ts';
import type { Store } from '../clients/types.ts';
import { TransientError } from '../core/errors.ts';
import { runStep } from '../core/step.ts';
import type { Kind } from '../core/types.ts';
import { createLog } from '../log.ts';
import { createBackoff } from './backoff.ts';
import type { World } from './reconcile.ts';
import { createRunner, fingerprints, type Runner } from './runner.ts';

interface Bench {
  readonly runner: Runner;
  readonly lines: readonly string[];
  readonly passes: () => number;
  run(): Promise<void>;
  stop(): void;
}

/** A runner on a world of one kind; `during` is called in every pass, and may throw. */
function bench(during: (pass: number, runner: Runner) => Promise<void>, kinds: readonly Kind[] = []): Bench {
  let passes = 0;
  let state = EMPTY_STATE;
  const store: Store = {
    get state() {
      return state;
    },
    update: async (change) => {
      state = change(state);
    },
  };
  const lines: string[] = [];
  const ends = new AbortController();
  const backoff = createBackoff(() => performance.now());
  const certain = { image: [], network: [], volume: [], port: [], instance: [], vhost: [] };
  const empty = Object.entries(certain).map(
    ([name]): Kind => ({ name, observe: async () => [], diff: () => [], apply: async () => [] }),
  );
  const world: World = {
    kinds: [...empty, ...kinds],
    dryRun: false,
    async desired() {
      passes += 1;
      await during(passes, runner);
      return { commit: 'c', deployments: [], stalled: new Set(), problems: [] };
    },
    rules: async () => ({
      ports: { first: 3000, last: 3001 },
      ...{ busyPorts: new Set<number>(), nginxPorts: new Set<number>() },
      ...{ drainMs: 0, workerShutdownMs: 0, keepImages: 1 },
    }),
    limits: async (desired) => ({
      ...{ maxDeletions: 3, released: new Set<string>() },
      backoff: backoff.waits(fingerprints({ desired })),
    }),
  };
  const runner = createRunner({
    ...{ world, backoff, log: createLog('info', (line) => lines.push(line)) },
    recorder: { store, step: runStep, now: () => new Date(0), approvals: { expire: async () => {} } },
  });
  return {
    runner,
    lines,
    passes: () => passes,
    run: () => runner.run(ends.signal),
    stop: () => ends.abort(),
  };
}

test('pokes that come between passes are one pass, and a poke during a pass is one more', async () => {
  const made = bench(async (pass, runner) => {
    if (pass !== 2) return;
    for (let time = 0; time < 100; time += 1) runner.poke('during');
  });
  const over = made.run();
  await expect.poll(made.passes).toBe(1);
  for (let time = 0; time < 100; time += 1) made.runner.poke(`between ${time}`);
  await expect.poll(made.passes).toBe(3);
  made.runner.poke('once more');
  await expect.poll(made.passes).toBe(4);
  made.stop();
  await over;
  expect(made.passes()).toBe(4);
});

test('passes never overlap, however hard it is poked', async () => {
  let inside = 0;
  let most = 0;
  const made = bench(async () => {
    inside += 1;
    most = Math.max(most, inside);
    await new Promise((resolve) => setTimeout(resolve, 5));
    inside -= 1;
  });
  const over = made.run();
  for (let time = 0; time < 20; time += 1) {
    made.runner.poke('again');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  made.stop();
  await over;
  expect(most).toBe(1);
  expect(made.passes()).toBeGreaterThan(1);
});

test('a pass that breaks off is logged, and tried again after a pause that grows, not in circles', async () => {
  const at: number[] = [];
  const made = bench(
    async (pass) => {
      at.push(performance.now());
      // The pass before did something, which by itself would call for another at once.
      if (pass > 1) throw new Error('the disk is full');
    },
    [onceKind()],
  );
  const over = made.run();
  await expect.poll(made.passes, { timeout: 5000 }).toBe(4);
  made.stop();
  await over;
  const [, second = 0, third = 0, fourth = 0] = at;
  expect(third - second).toBeGreaterThan(400);
  expect(fourth - third).toBeGreaterThan(800);
  expect(made.lines.join('')).toContain('the pass broke off: Error: the disk is full');
});

test('a failing step is tried again when its backoff ends, without any poke', async () => {
  const tries: number[] = [];
  const failing = onceKind(() => {
    tries.push(performance.now());
    if (tries.length === 1) throw new TransientError('busy');
  });
  const made = bench(async () => {}, [failing]);
  const over = made.run();
  await expect.poll(() => tries.length, { timeout: 5000 }).toBe(2);
  made.stop();
  await over;
  expect((tries[1] ?? 0) - (tries[0] ?? 0)).toBeGreaterThan(900);
  expect(made.lines.filter((line) => line.includes('busy'))).toHaveLength(1);
  expect(made.lines.filter((line) => line.includes('thing one created: it is missing'))).toHaveLength(1);
});

/** A kind that wants one thing made, once. */
function onceKind(effect: () => void = () => {}): Kind {
  let there = false;
  const action = {
    verb: 'create',
    kind: 'thing',
    key: 'one',
    deployment: 'a',
    why: 'it is missing',
  } as const;
  return {
    name: 'thing',
    observe: async () => (there ? [{ key: 'one', deployment: '' }] : []),
    diff: () => (there ? [] : [action]),
    async apply() {
      effect();
      there = true;
      return [{ action }];
    },
  };
}
