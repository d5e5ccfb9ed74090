/**
 * A small world in memory that behaves like the real one where a plan depends on it: an engine, a builder, an nginx
 * that runs a snapshot of its files, a state file, and a clock that only moves when it is told to. The real kinds,
 * planner and loop run on it, thousands of times a second. This is what outlives a controller.
 */
import type { InstanceRow } from '../../controller/clients/engine/types.ts';
import { EMPTY_STATE } from '../../controller/clients/state-shape.ts';
import type { State } from '../../controller/clients/types.ts';
import { readServes } from '../../controller/kinds/vhost-text.ts';
import { type EdgeWorld, newEdge } from './edge.ts';

/** How a version of an app behaves; it is the first word of its image tag. */
export type Behaviour = 'good' | 'nobuild' | 'never' | 'crash' | 'slow';

export interface Container {
  row: InstanceRow;
  startedMs: number;
  stopAtMs?: number;
  restarts: number;
  /** It does not answer before this. */
  deafUntilMs?: number;
  /** It was made to fail for a while, and may rightly have been given up for that. */
  hurt?: true;
  /** It died and the engine starts it again then. */
  backAtMs?: number;
  readonly volumes: readonly string[];
}

export interface Volume {
  readonly deployment: string;
  readonly createdMs: number;
  /** Grows while a container runs on it. */
  content: number;
}

export interface Outside {
  nowMs: number;
  containers: Map<string, Container>;
  images: Map<string, { deployment: string; service: string; createdMs: number }>;
  networks: Map<string, string>;
  volumes: Map<string, Volume>;
  /** Volume and its time of birth to the content that was archived. */
  archives: Map<string, number>;
  logs: Set<string>;
  files: Map<string, string>;
  /** What nginx runs: a snapshot of `files`, or nothing while it is down. */
  live: Map<string, string> | undefined;
  /** Older configurations whose workers still send requests, until then. */
  oldWorkers: { readonly config: Map<string, string>; readonly untilMs: number }[];
  foreignPorts: Set<number>;
  /** Some other nginx listens on these. */
  nginxPorts: Set<number>;
  state: State;
  edge: EdgeWorld;
  ports: { readonly first: number; readonly last: number };
  stopMs: number;
  /** How long a worker of nginx outlives a reload. */
  workersMs: number;
  /** So many of the next reloads, or archives, go wrong. */
  brokenReloads: number;
  brokenArchives: number;
  /** Content that was removed without being archived. */
  lost: string[];
}

export function newOutside(): Outside {
  return {
    nowMs: 1_000_000,
    containers: new Map(),
    images: new Map([['foreign:latest', { deployment: '', service: '', createdMs: 0 }]]),
    networks: new Map(),
    volumes: new Map(),
    archives: new Map(),
    logs: new Set(),
    files: new Map(),
    live: undefined,
    oldWorkers: [],
    foreignPorts: new Set([3001]),
    nginxPorts: new Set([3003]),
    state: EMPTY_STATE,
    edge: newEdge(),
    ports: { first: 3000, last: 3030 },
    stopMs: 2000,
    workersMs: 0,
    brokenReloads: 0,
    brokenArchives: 0,
    lost: [],
  };
}

export function behaviourOf(image: string): Behaviour {
  return (image.split(':')[1]?.split('-')[0] ?? 'good') as Behaviour;
}

export function isUp({ row }: Container): boolean {
  return row.state !== 'exited' && row.state !== 'created';
}

/** Does it answer its health check at this moment? */
export function answers(outside: Outside, container: Container): boolean {
  const behaviour = behaviourOf(container.row.image);
  const age = outside.nowMs - container.startedMs;
  if (container.row.state !== 'running' && container.row.state !== 'stopping') return false;
  if (outside.nowMs < (container.deafUntilMs ?? 0)) return false;
  if (behaviour === 'slow') return age >= 5000;
  return behaviour === 'good' && age >= 500;
}

/** Moves the clock: what was stopping has stopped, what crashes has crashed, what died is back. */
export function advance(outside: Outside, ms: number): void {
  outside.nowMs += ms;
  outside.oldWorkers = outside.oldWorkers.filter(({ untilMs }) => untilMs > outside.nowMs);
  for (const container of outside.containers.values()) {
    if (container.stopAtMs !== undefined && container.stopAtMs <= outside.nowMs) {
      container.row = { ...container.row, state: 'exited' };
      delete container.stopAtMs;
    } else if (container.backAtMs !== undefined && container.backAtMs <= outside.nowMs) {
      if (container.row.state === 'restarting') container.row = { ...container.row, state: 'running' };
      container.startedMs = outside.nowMs;
      delete container.backAtMs;
    } else if (container.row.state === 'running' && behaviourOf(container.row.image) === 'crash')
      container.restarts += 1;
    if (container.row.state === 'running')
      for (const key of container.volumes) {
        const volume = outside.volumes.get(key);
        if (volume) volume.content += 1;
      }
  }
}

/** The instances that nginx leads visitors of a service to at this moment. */
export function ledTo(outside: Outside, deployment: string): Readonly<Record<string, readonly string[]>> {
  return readServes(outside.live?.get(deployment) ?? '');
}

/** Those that workers of an older configuration may still send them to. */
export function ledToBefore(outside: Outside, deployment: string, service: string): readonly string[] {
  return outside.oldWorkers.flatMap(({ config }) => readServes(config.get(deployment) ?? '')[service] ?? []);
}
