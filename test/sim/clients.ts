/** The clients of one controller's life in the small world; what dies with the controller is in here. */
import type { Builder, BuildRow } from '../../controller/build/types.ts';
import type { Archiver, LogFiles, Prober, Store } from '../../controller/clients/types.ts';
import type { Step } from '../../controller/core/step.ts';
import type { ImageWant } from '../../controller/core/types.ts';
import type { Clients } from '../../controller/kinds/index.ts';
import { edgeIn } from './edge.ts';
import { engineIn, type OnTakeDown } from './engine.ts';
import { nginxIn } from './nginx.ts';
import { answers, behaviourOf, type Outside } from './world.ts';

const BUILD_MS = 3000;

/** Every effect passes through `step`. */
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
    edge: edgeIn(outside, step),
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

function archiverIn(outside: Outside, step: Step): Archiver {
  const id = ({ key, createdAt }: { key: string; createdAt: string }): string => `${key} ${createdAt}`;
  return {
    state: (volume) => (outside.archives.has(id(volume)) ? 'archived' : 'ready'),
    start: (volume) =>
      void step(`archive.write ${volume.key}`, async () => {
        const content = outside.volumes.get(volume.key)?.content;
        if (outside.brokenArchives > 0) outside.brokenArchives -= 1;
        else if (content !== undefined) outside.archives.set(id(volume), content);
      }).catch(() => {}),
    setAside: (volume) =>
      step(`archive.setAside ${volume.key}`, async () => void outside.archives.delete(id(volume))),
    close: async () => {},
  };
}

function logFilesIn(outside: Outside, step: Step): LogFiles {
  return {
    list: async () => [...outside.logs].map((key) => ({ key, deployment: key })),
    remove: (key) => step(`logs.remove ${key}`, async () => void outside.logs.delete(key)),
  };
}
