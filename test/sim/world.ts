/**
 * A small world in memory that behaves like the real one where a plan depends on it: an engine, a builder, an nginx
 * that runs a snapshot of its files, a state file, and a clock that only moves when it is told to. The real kinds,
 * planner and loop run on it, thousands of times a second. `memory` is what dies with the controller; the rest stays.
 */
import { Readable } from 'node:stream';
import type { Builder, BuildRow } from '../../controller/build/types.ts';
import type { Engine, InstanceRow } from '../../controller/clients/engine/types.ts';
import type { Archiver, LogFiles, Nginx, Prober, State, Store } from '../../controller/clients/types.ts';
import { TransientError } from '../../controller/core/errors.ts';
import type { Step } from '../../controller/core/step.ts';
import type { ImageWant, InstanceWant } from '../../controller/core/types.ts';
import type { Clients } from '../../controller/kinds/index.ts';
import { readServes } from '../../controller/kinds/vhost-text.ts';

/** How a version of an app behaves; it is the first word of its image tag. */
export type Behaviour = 'good' | 'nobuild' | 'never' | 'crash' | 'slow';

const BUILD_MS = 3000;
const STOP_MS = 2000;

export interface Container {
  row: InstanceRow;
  startedMs: number;
  stopAtMs?: number;
  restarts: number;
}

export const EMPTY_STATE: State = {
  version: 1,
  ports: [],
  failures: [],
  givenUp: [],
  removals: {},
  passes: [],
  receipts: [],
};

/** What outlives a controller. */
export interface Outside {
  nowMs: number;
  containers: Map<string, Container>;
  images: Map<string, { deployment: string; service: string; createdMs: number }>;
  networks: Map<string, string>;
  volumes: Map<string, string>;
  archives: Set<string>;
  logs: Set<string>;
  files: Map<string, string>;
  /** What nginx runs: a snapshot of `files`, or nothing while it is down. */
  live: Map<string, string> | undefined;
  foreignPorts: Set<number>;
  /** Some other nginx listens on these. */
  nginxPorts: Set<number>;
  state: State;
}

export function newOutside(): Outside {
  return {
    nowMs: 1_000_000,
    containers: new Map(),
    images: new Map([['foreign:latest', { deployment: '', service: '', createdMs: 0 }]]),
    networks: new Map(),
    volumes: new Map(),
    archives: new Set(),
    logs: new Set(),
    files: new Map(),
    live: undefined,
    foreignPorts: new Set([3001]),
    nginxPorts: new Set([3003]),
    state: EMPTY_STATE,
  };
}

export function behaviourOf(image: string): Behaviour {
  return (image.split(':')[1]?.split('-')[0] ?? 'good') as Behaviour;
}

/** Does it answer its health check at this moment? */
export function answers(outside: Outside, container: Container): boolean {
  const behaviour = behaviourOf(container.row.image);
  const age = outside.nowMs - container.startedMs;
  if (container.row.state !== 'running' && container.row.state !== 'stopping') return false;
  if (behaviour === 'slow') return age >= 5000;
  return behaviour === 'good' && age >= 500;
}

/** Moves the clock: what was stopping has stopped, what crashes has crashed. */
export function advance(outside: Outside, ms: number): void {
  outside.nowMs += ms;
  for (const container of outside.containers.values()) {
    if (container.stopAtMs !== undefined && container.stopAtMs <= outside.nowMs) {
      container.row = { ...container.row, state: 'exited' };
      delete container.stopAtMs;
    } else if (container.row.state === 'running' && behaviourOf(container.row.image) === 'crash') {
      container.restarts += 1;
    }
  }
}

/** Called before an engine stops or removes something, to see whether visitors are led to it. */
export type OnTakeDown = (key: string) => void;

/** The clients of one controller's life in that world; every effect passes through `step`. */
export function connect(outside: Outside, step: Step, onTakeDown: OnTakeDown): Clients {
  const now = (): Date => new Date(outside.nowMs);
  const store = storeIn(outside);
  return {
    engine: engineIn(outside, step, onTakeDown),
    builder: builderIn(outside, store, step),
    archiver: archiverIn(outside, step),
    prober: proberIn(outside),
    nginx: nginxIn(outside, step),
    store,
    logFiles: logFilesIn(outside, step),
    step,
    now,
    vhostText: { owner: 'sim', http: { host: '127.0.0.1', port: 8080 } },
  };
}

function storeIn(outside: Outside): Store {
  return {
    get state() {
      return outside.state;
    },
    async update(change) {
      outside.state = change(outside.state);
    },
  };
}

function engineIn(outside: Outside, step: Step, onTakeDown: OnTakeDown): Engine {
  const { containers, networks, volumes } = outside;
  const act = (label: string, effect: () => void): Promise<void> =>
    step(`engine.${label}`, async () => effect());
  const unused = (): never => {
    throw new Error('not part of this world');
  };
  return {
    info: unused,
    tail: async () => [],
    follow: unused,
    build: unused,
    pull: unused,
    importImage: unused,
    hasImage: unused,
    watch: unused,
    instances: async () =>
      [...containers.values()].filter(({ row }) => row.deployment !== '').map(({ row }) => row),
    inspect: async (key) => {
      const found = containers.get(key);
      return found && { restarts: found.restarts, exitCode: 1, oomKilled: false, error: '' };
    },
    create: (want) => act(`create ${want.key}`, () => create(outside, want)),
    start: (key) => act(`start ${key}`, () => start(outside, key)),
    stop: (key) =>
      act(`stop ${key}`, () => {
        onTakeDown(key);
        const found = containers.get(key);
        if (!found) return;
        found.row = { ...found.row, state: 'stopping' };
        found.stopAtMs = outside.nowMs + STOP_MS;
      }),
    remove: (key) =>
      act(`remove ${key}`, () => {
        onTakeDown(key);
        containers.delete(key);
      }),
    images: async () => [...outside.images].map(([key, image]) => ({ key, ...image })),
    removeImage: (key) => act(`removeImage ${key}`, () => void outside.images.delete(key)),
    networks: async () => [...networks].map(([key, deployment]) => ({ key, deployment, subnet: '' })),
    createNetwork: (key, deployment) => act(`createNetwork ${key}`, () => void networks.set(key, deployment)),
    removeNetwork: (key) =>
      act(`removeNetwork ${key}`, () => {
        const user = [...containers.values()].some(({ row }) => `berth-${row.deployment}` === key);
        if (user) throw new TransientError(`network ${key} has active endpoints`);
        networks.delete(key);
      }),
    volumes: async () => [...volumes].map(([key, deployment]) => ({ key, deployment, createdAt: '1' })),
    createVolume: (key, deployment) => act(`createVolume ${key}`, () => void volumes.set(key, deployment)),
    readVolume: async () => Readable.from([]),
    removeVolume: (key) => act(`removeVolume ${key}`, () => void volumes.delete(key)),
  };
}

function portTaken(outside: Outside, port: number): boolean {
  const up = [...outside.containers.values()].filter(
    ({ row }) => row.state !== 'exited' && row.state !== 'created',
  );
  return (
    outside.foreignPorts.has(port) || outside.nginxPorts.has(port) || up.some(({ row }) => row.port === port)
  );
}

function create(outside: Outside, want: InstanceWant): void {
  const { key, deployment, service, hash, spec, port } = want;
  if (outside.containers.has(key)) throw new Error(`container ${key} exists twice`);
  if (!outside.images.has(spec.image)) throw new TransientError(`no such image ${spec.image}`);
  if (!outside.networks.has(want.network)) throw new TransientError(`no such network ${want.network}`);
  if (port !== undefined && portTaken(outside, port)) throw new TransientError(`port ${port} is allocated`);
  const { health, routed } = spec;
  const address = '10.0.0.2';
  const row: InstanceRow = {
    ...{
      key,
      id: key,
      deployment,
      service,
      hash,
      image: spec.image,
      state: 'running',
      health,
      routed,
      address,
    },
    createdMs: outside.nowMs,
    listen: 3000,
    ...(port !== undefined && { port }),
  };
  outside.containers.set(key, { row, startedMs: outside.nowMs, restarts: 0 });
}

function start(outside: Outside, key: string): void {
  const found = outside.containers.get(key);
  if (!found) return;
  if (found.row.port !== undefined && portTaken(outside, found.row.port)) {
    outside.containers.delete(key);
    throw new TransientError(`port ${found.row.port} is allocated`);
  }
  found.row = { ...found.row, state: 'running' };
  found.startedMs = outside.nowMs;
}

/** Builds live in the controller's memory: a crash forgets them, and leaves no image. */
function builderIn(outside: Outside, store: Store, step: Step): Builder {
  const underWay = new Map<string, { row: BuildRow; want: ImageWant; startedMs: number }>();
  const finish = (): void => {
    for (const [key, { row, want, startedMs }] of underWay) {
      if (outside.nowMs - startedMs < BUILD_MS) continue;
      underWay.delete(key);
      const { deployment, service } = row;
      if (behaviourOf(key) !== 'nobuild') {
        outside.images.set(key, {
          deployment: want.from.kind === 'build' ? deployment : '',
          service,
          createdMs: outside.nowMs,
        });
        continue;
      }
      const failure = { key, deployment, service, error: 'exit code 1', at: '' };
      outside.state = { ...outside.state, failures: [...outside.state.failures, failure] };
    }
  };
  return {
    rows: () => {
      finish();
      const failed = store.state.failures.map((failure) => ({ ...failure, state: 'failed' as const }));
      return [...[...underWay.values()].map(({ row }) => row), ...failed];
    },
    start: (want) => {
      const { key, deployment, service } = want;
      outside.logs.add(deployment);
      underWay.set(key, {
        row: { key, deployment, service, state: 'building' },
        want,
        startedMs: outside.nowMs,
      });
    },
    drop: async (key) => {
      underWay.delete(key);
      if (!store.state.failures.some((failure) => failure.key === key)) return;
      await step(`store.dropFailure ${key}`, async () => {
        outside.state = { ...outside.state, failures: outside.state.failures.filter((f) => f.key !== key) };
      });
    },
    close: async () => {},
  };
}

function proberIn(outside: Outside): Prober {
  const since = new Map<string, { ms: number; ready: boolean }>();
  return {
    track(targets) {
      const keys = new Set(targets.map(({ key }) => key));
      for (const key of since.keys()) if (!keys.has(key)) since.delete(key);
      for (const key of keys) if (!since.has(key)) since.set(key, { ms: outside.nowMs, ready: false });
    },
    look(key) {
      const seen = since.get(key);
      const container = outside.containers.get(key);
      if (!seen || !container) return undefined;
      const ready = answers(outside, container);
      // The first look after a start of the controller has no answer yet.
      const asked = outside.nowMs > seen.ms;
      if (asked && ready !== seen.ready) since.set(key, { ms: outside.nowMs, ready });
      const now = since.get(key) ?? seen;
      const detail = asked && !now.ready ? { detail: 'connection refused' } : {};
      return { ready: now.ready, sinceMs: outside.nowMs - now.ms, ...detail };
    },
    reset: () => {},
    close: () => {},
  };
}

function nginxIn(outside: Outside, step: Step): Nginx {
  const firstLive = new Map<string, { text: string; ms: number }>();
  const ours = (text: string): boolean => text.startsWith('# berth owner=sim ');
  const look = (): void => {
    for (const [name, text] of outside.live ?? []) {
      if (firstLive.get(name)?.text !== text) firstLive.set(name, { text, ms: outside.nowMs - 1 });
    }
  };
  const same = (): boolean => {
    const { live, files } = outside;
    return (
      live !== undefined &&
      live.size === files.size &&
      [...files].every(([name, text]) => live.get(name) === text)
    );
  };
  return {
    async read() {
      look();
      const sites = [...outside.files]
        .filter(([, text]) => ours(text))
        .map(([name, text]) => {
          const first = firstLive.get(name);
          const live = outside.live?.get(name) === text && first?.text === text;
          return { name, text, liveForMs: live ? outside.nowMs - first.ms : 0 };
        });
      return { sites, oldWorkers: false, running: same() || 'nginx does not run what is on the disk' };
    },
    async apply(changes) {
      const errors = new Map<string, Error>();
      for (const { name, text } of changes) {
        const there = outside.files.get(name);
        if (there !== undefined && !ours(there))
          errors.set(name, new TransientError(`${name}.conf is not ours`));
        else if (text === undefined)
          await step(`nginx.remove ${name}`, async () => void outside.files.delete(name));
        else await step(`nginx.write ${name}`, async () => void outside.files.set(name, text));
      }
      if (!same())
        await step('nginx.reload', async () => {
          outside.live = new Map(outside.files);
        });
      look();
      return errors;
    },
  };
}

function archiverIn(outside: Outside, step: Step): Archiver {
  return {
    state: ({ key }) => (outside.archives.has(key) ? 'archived' : 'ready'),
    start: ({ key }) =>
      void step(`archive.write ${key}`, async () => void outside.archives.add(key)).catch(() => {}),
    setAside: ({ key }) => step(`archive.setAside ${key}`, async () => void outside.archives.delete(key)),
    close: async () => {},
  };
}

function logFilesIn(outside: Outside, step: Step): LogFiles {
  return {
    list: async () => [...outside.logs].map((key) => ({ key, deployment: key })),
    remove: (key) => step(`logs.remove ${key}`, async () => void outside.logs.delete(key)),
  };
}

/** The instances that nginx leads visitors of a service to at this moment. */
export function ledTo(outside: Outside, deployment: string): Readonly<Record<string, readonly string[]>> {
  return readServes(outside.live?.get(deployment) ?? '');
}
