import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { createBuilder } from '../../controller/build/queue.ts';
import type { Builder } from '../../controller/build/types.ts';
import { createDockerEngine } from '../../controller/clients/engine/docker.ts';
import type { Engine, LogLine } from '../../controller/clients/engine/types.ts';
import { EMPTY_STATE } from '../../controller/clients/state-shape.ts';
import type { SourceTree, State, Store } from '../../controller/clients/types.ts';
import { runStep } from '../../controller/core/step.ts';
import type { BuildSpec, ImageWant } from '../../controller/core/types.ts';
import { nodeImage } from './engine-images.ts';
import { type MemoryFile, memoryTree } from './memory-tree.ts';

const run = promisify(execFile);

/** The docker command line's answer. */
export const docker = async (...args: readonly string[]): Promise<string> =>
  (await run('docker', [...args])).stdout.trim();

export interface BuildWorld {
  readonly owner: string;
  readonly dir: string;
  /** Image with this machine's Node. */
  readonly base: string;
  readonly engine: Engine;
  readonly builder: Builder;
  readonly store: Store;
  /** Keys in the order in which their builds began. */
  readonly order: string[];
  start(
    name: string,
    source: Readonly<Record<string, MemoryFile>> | SourceTree,
    build?: BuildSpec,
  ): ImageWant;
  /** Waits for the image. */
  built(key: string): Promise<void>;
  row(key: string): ReturnType<Builder['rows']>[number] | undefined;
  log(want: ImageWant): Promise<readonly LogLine[]>;
  text(want: ImageWant): Promise<string>;
  /** Runs the image as Berth would. */
  serve(image: string): Promise<Served>;
  end(): Promise<void>;
}

export interface Served {
  readonly id: string;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
}

/** The real builder on the real engine, with an owner of its own; `end` removes all that it made. */
export async function buildWorld({ classic }: { readonly classic: boolean }): Promise<BuildWorld> {
  const owner = `test-build-${randomBytes(4).toString('hex')}`;
  const sources = new Map<string, SourceTree>();
  const order: string[] = [];
  const dir = await mkdtemp(join(tmpdir(), 'berth-build-'));
  const engine = createDockerEngine({ dockerHost: '/var/run/docker.sock', owner, step: runStep, classic });
  const base = await nodeImage(engine);
  const store = memoryStore();
  const builder = createBuilder({
    engine: { ...engine, pull: () => Promise.reject(new Error('no registry in tests')) },
    store,
    open: async (repo) => sources.get(repo) ?? memoryTree({}),
    owner,
    step: runStep,
    logDir: dir,
    builds: 1,
    onChange: () => {
      const building = builder.rows().find(({ state }) => state === 'building');
      if (building && order.at(-1) !== building.key) order.push(building.key);
    },
  });
  const row: BuildWorld['row'] = (key) => builder.rows().find((other) => other.key === key);
  const log: BuildWorld['log'] = async ({ deployment }) => {
    const text = await readFile(join(dir, deployment, 'web', '1-1.log'), 'utf8');
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  };

  return {
    owner,
    dir,
    base,
    engine,
    builder,
    store,
    order,
    row,
    log,
    start(name, source, build = {}) {
      sources.set(name, isTree(source) ? source : memoryTree(source));
      const from = { kind: 'build', repo: name, commit: 'a'.repeat(40), path: '.', build } as const;
      const want = {
        key: `berth/${owner}-${name}:1-1`,
        deployment: `${owner}-${name}`,
        service: 'web',
        from,
      };
      builder.start(want);
      return want;
    },
    async built(key) {
      await expect
        .poll(() => row(key)?.state, { timeout: 240_000, interval: 100 })
        .toBeOneOf([undefined, 'failed']);
      expect(row(key)?.error).toBeUndefined();
      expect(await engine.hasImage(key)).toBe(true);
    },
    text: async (want) => (await log(want)).map(({ text }) => text).join('\n'),
    serve: (image) => serve(image, owner),
    async end() {
      await builder.close();
      const ids = await docker('ps', '-aq', '--filter', `label=berth.test=${owner}`);
      for (const id of ids.split('\n').filter((line) => line !== '')) await docker('rm', '-f', id);
      for (const { key, deployment } of await engine.images())
        if (deployment !== '') await engine.removeImage(key);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function memoryStore(): Store {
  const store = {
    state: EMPTY_STATE,
    async update(change: (state: State) => State) {
      store.state = change(store.state);
    },
  };
  return store;
}

function isTree(source: Readonly<Record<string, MemoryFile>> | SourceTree): source is SourceTree {
  return typeof source.archive === 'function';
}

async function serve(image: string, owner: string): Promise<Served> {
  const label = `berth.test=${owner}`;
  const id = await docker(
    'run',
    '-d',
    '--init',
    '--label',
    label,
    '-e',
    'PORT=3000',
    '-p',
    '127.0.0.1::3000',
    image,
  );
  const [address] = (await docker('port', id, '3000')).split('\n');
  const fetchWithin = (ms: number, path: string, headers: Record<string, string> = {}) =>
    fetch(`http://${address}${path}`, { headers, redirect: 'manual', signal: AbortSignal.timeout(ms) });
  // The engine's proxy accepts before the app listens, and Node's fetch may then never settle by itself.
  const answers = () =>
    fetchWithin(1_000, '/').then(
      () => true,
      () => false,
    );
  await expect.poll(answers, { timeout: 30_000, interval: 50 }).toBe(true);
  return { id, get: (path, headers) => fetchWithin(10_000, path, headers) };
}
