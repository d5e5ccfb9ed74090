import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryTree } from '../../test/support/memory-tree.ts';
import type { BuildOptions, Engine, LogLine } from '../clients/engine/types.ts';
import type { State, Store } from '../clients/types.ts';
import { StalledError, TransientError } from '../core/errors.ts';
import { createMask } from '../core/mask.ts';
import { runStep } from '../core/step.ts';
import type { ImageWant } from '../core/types.ts';
import { type BuilderOptions, createBuilder } from './queue.ts';
import type { Builder } from './types.ts';

let dir = '';
let builder: Builder;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-queue-'));
});
afterEach(async () => {
  await builder.close();
  await rm(dir, { recursive: true, force: true });
});

/** One build that the engine was asked for; the test says how it ends. */
interface Running {
  readonly options: BuildOptions;
  readonly print: (text: string, level?: LogLine['level']) => void;
  readonly finish: (error?: Error) => void;
}

function memoryStore(): Store {
  const empty: State = {
    version: 1,
    ports: [],
    failures: [],
    givenUp: [],
    removals: {},
    passes: [],
    receipts: [],
    routes: {},
  };
  const store = {
    state: empty,
    async update(change: (state: State) => State) {
      store.state = change(store.state);
    },
  };
  return store;
}

/** An engine whose builds end when the test says so. */
function setUp(more: Partial<BuilderOptions> = {}) {
  const images = new Set<string>();
  const running: Running[] = [];
  const removed: string[] = [];
  const engine = {
    hasImage: async (reference: string) => images.has(reference),
    removeImage: async (reference: string) => {
      removed.push(reference);
      images.delete(reference);
    },
    build: (context: Readable, options: BuildOptions, onLine: (line: LogLine) => void, signal: AbortSignal) =>
      new Promise<void>((done, fail) => {
        context.resume();
        signal.addEventListener('abort', () => fail(new Error('aborted')));
        const print: Running['print'] = (text, level = 'info') =>
          onLine({ at: '', level, stream: 'stdout', text });
        const finish = (error?: Error): void => {
          if (error === undefined) images.add(options.tag);
          if (error === undefined) done();
          else fail(error);
        };
        running.push({ options, print, finish });
      }),
  } as unknown as Engine;
  const store = memoryStore();
  let changes = 0;
  builder = createBuilder({
    engine,
    store,
    open: async () => memoryTree({ Dockerfile: 'FROM x' }),
    owner: 'test',
    step: runStep,
    logDir: dir,
    builds: 1,
    onChange: () => {
      changes += 1;
    },
    ...more,
  });
  const ask = async (count: number): Promise<Running> => {
    await expect.poll(() => running.length).toBe(count);
    const last = running.at(-1);
    if (!last) throw new Error('no build runs');
    return last;
  };
  return { images, running, removed, store, ask, changes: () => changes };
}

function want(name: string): ImageWant {
  const from = {
    kind: 'build',
    repo: 'https://u:p@h.test/r?t=1',
    commit: 'a'.repeat(40),
    path: '.',
    build: {},
  } as const;
  return { key: `berth/${name}-web:1-2`, deployment: name, service: 'web', from };
}

const states = () => builder.rows().map(({ deployment, state }) => `${deployment} ${state}`);
const logOf = (name: string) => readFile(join(dir, name, 'web', '1-2.log'), 'utf8');

describe('the builder', () => {
  it('builds first come first served, so many at once, and each only once', async () => {
    const world = setUp();
    for (const name of ['a', 'b', 'a']) builder.start(want(name));
    const first = await world.ask(1);
    expect(states()).toEqual(['a building', 'b queued']);
    first.finish();
    (await world.ask(2)).finish();
    await expect.poll(states).toEqual([]);
    expect(world.running.map(({ options }) => options.tag)).toEqual(['berth/a-web:1-2', 'berth/b-web:1-2']);
    expect(world.changes()).toBeGreaterThanOrEqual(6);
  });

  it('labels what it builds, and keeps credentials out of its log', async () => {
    const world = setUp();
    builder.start(want('a'));
    const { options, finish } = await world.ask(1);
    expect(options.labels).toEqual({
      'berth.owner': 'test',
      'berth.deployment': 'a',
      'berth.service': 'web',
      'berth.commit': 'a'.repeat(40),
    });
    finish();
    await expect.poll(states).toEqual([]);
    expect(await logOf('a')).toMatch(
      /from the root of https:\/\/h\.test\/r at aaaaaaa.*plan: Dockerfile.*built/s,
    );
  });

  it('builds no image that is there', async () => {
    const world = setUp();
    world.images.add('berth/a-web:1-2');
    builder.start(want('a'));
    await expect.poll(states).toEqual([]);
    expect(world.running).toEqual([]);
  });

  it('remembers a failure with the last words, and tries again only after it was dropped', async () => {
    const world = setUp();
    builder.start(want('a'));
    const { print, finish } = await world.ask(1);
    print('error TS2322: not a number', 'error');
    finish(new StalledError('the build failed: exit code 2'));
    await expect.poll(states).toEqual(['a failed']);
    expect(world.store.state.failures[0]?.error).toBe(
      'the build failed: exit code 2: error TS2322: not a number',
    );
    builder.start(want('a'));
    expect(states()).toEqual(['a failed']);

    await builder.drop('berth/a-web:1-2');
    expect(states()).toEqual([]);
    expect(world.store.state.failures).toEqual([]);
    builder.start(want('a'));
    (await world.ask(2)).finish();
    await expect.poll(states).toEqual([]);
  });

  it('tries again by itself when the engine was away, without blocking the others', async () => {
    const world = setUp({ retryMs: 50 });
    builder.start(want('a'));
    (await world.ask(1)).finish(new TransientError('the engine can’t be reached'));
    await expect
      .poll(() => builder.rows()[0])
      .toMatchObject({ state: 'queued', error: 'the engine can’t be reached' });
    builder.start(want('b'));
    await world.ask(2);
    expect(world.running[1]?.options.tag).toBe('berth/b-web:1-2');
    world.running[1]?.finish();
    (await world.ask(3)).finish();
    await expect.poll(states).toEqual([]);
    expect(world.store.state.failures).toEqual([]);
  });

  it('cancels what nobody wants: no image, no failure, and the next begins', async () => {
    const world = setUp();
    for (const name of ['a', 'b', 'c']) builder.start(want(name));
    const { print } = await world.ask(1);
    print('half way');
    await builder.drop('berth/b-web:1-2');
    await builder.drop('berth/a-web:1-2');
    (await world.ask(2)).finish();
    await expect.poll(states).toEqual([]);
    expect(world.running[1]?.options.tag).toBe('berth/c-web:1-2');
    expect([...world.images]).toEqual(['berth/c-web:1-2']);
    expect(world.removed).toEqual(['berth/a-web:1-2']);
    expect(world.store.state.failures).toEqual([]);
    expect(await logOf('a')).toMatch(/cancelled: nobody wants it any more/);
  });

  it('ends a build that hangs, with the reason', async () => {
    const world = setUp({ timeoutMs: 30 });
    builder.start(want('a'));
    await expect.poll(states).toEqual(['a failed']);
    expect(world.store.state.failures[0]?.error).toMatch(/the build was ended after 0 min/);
  });

  it('keeps a failure that can’t be stored, and tells', async () => {
    const told: Error[] = [];
    const store: Store = { ...memoryStore(), update: () => Promise.reject(new Error('disk full')) };
    const world = setUp({ store, onError: (error) => told.push(error) });
    builder.start(want('a'));
    (await world.ask(1)).finish(new StalledError('no'));
    await expect.poll(states).toEqual(['a failed']);
    expect(told.map(({ message }) => message)).toEqual([expect.stringMatching(/kept in memory/)]);
  });

  it('tells a repo that can’t be built as a failure with what to do', async () => {
    const world = setUp({ open: async () => memoryTree({ 'main.rs': '' }) });
    builder.start(want('a'));
    await expect.poll(states).toEqual(['a failed']);
    expect(world.store.state.failures[0]?.error).toMatch(/no way to build the repo was found/);
  });

  it('masks secrets in errors and logs', async () => {
    const mask = createMask();
    mask.add('hunter2');
    const world = setUp({ mask });
    builder.start(want('a'));
    const { print, finish } = await world.ask(1);
    print('using hunter2');
    finish(new StalledError('hunter2 was refused'));
    await expect.poll(states).toEqual(['a failed']);
    expect(`${JSON.stringify(world.store.state)}${await logOf('a')}`).not.toContain('hunter2');
  });

  it('stops all and starts nothing more when it is closed', async () => {
    const world = setUp();
    for (const name of ['a', 'b']) builder.start(want(name));
    await world.ask(1);
    await builder.close();
    builder.start(want('c'));
    expect(states()).toEqual([]);
    expect(world.running).toHaveLength(1);
  });
});
