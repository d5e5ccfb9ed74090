import { Readable } from 'node:stream';
import type { Engine, InstanceRow } from '../../controller/clients/engine/types.ts';
import { TransientError } from '../../controller/core/errors.ts';
import type { Step } from '../../controller/core/step.ts';
import type { InstanceWant } from '../../controller/core/types.ts';
import { isUp, type Outside } from './world.ts';

/** Called before an engine stops or removes something, to see whether visitors are led to it. */
export type OnTakeDown = (key: string) => void;

/** The engine of that world; what it refuses, the real one refuses. */
export function engineIn(outside: Outside, step: Step, onTakeDown: OnTakeDown): Engine {
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
        found.stopAtMs = outside.nowMs + outside.stopMs;
      }),
    remove: (key) =>
      act(`remove ${key}`, () => {
        onTakeDown(key);
        containers.delete(key);
      }),
    images: async () => [...outside.images].map(([key, image]) => ({ key, ...image })),
    removeImage: (key) =>
      act(`removeImage ${key}`, () => {
        const user = [...containers.values()].find(({ row }) => row.image === key);
        if (user) throw new TransientError(`image ${key} is used by ${user.row.key}`);
        outside.images.delete(key);
      }),
    networks: async () => [...networks].map(([key, deployment]) => ({ key, deployment, subnet: '' })),
    createNetwork: (key, deployment) => act(`createNetwork ${key}`, () => void networks.set(key, deployment)),
    removeNetwork: (key) =>
      act(`removeNetwork ${key}`, () => {
        const user = [...containers.values()].some(({ row }) => `berth-${row.deployment}` === key);
        if (user) throw new TransientError(`network ${key} has active endpoints`);
        networks.delete(key);
      }),
    volumes: async () =>
      [...volumes].map(([key, { deployment, createdMs }]) => ({
        ...{ key, deployment, createdAt: String(createdMs) },
      })),
    createVolume: (key, deployment) =>
      act(
        `createVolume ${key}`,
        () => void volumes.set(key, { deployment, createdMs: outside.nowMs, content: 0 }),
      ),
    readVolume: async () => Readable.from([]),
    removeVolume: (key) => act(`removeVolume ${key}`, () => removeVolume(outside, key)),
  };
}

function removeVolume(outside: Outside, key: string): void {
  const volume = outside.volumes.get(key);
  if (!volume) return;
  const user = [...outside.containers.values()].find(({ volumes }) => volumes.includes(key));
  if (user) throw new TransientError(`volume ${key} is used by ${user.row.key}`);
  const archived = outside.archives.get(`${key} ${volume.createdMs}`);
  if (archived !== volume.content)
    outside.lost.push(`${key} was removed, its newest content is not archived`);
  outside.volumes.delete(key);
}

function portTaken(outside: Outside, port: number): boolean {
  const { foreignPorts, nginxPorts, containers } = outside;
  const published = [...containers.values()].some((one) => isUp(one) && one.row.port === port);
  return foreignPorts.has(port) || nginxPorts.has(port) || published;
}

function create(outside: Outside, want: InstanceWant): void {
  const { key, deployment, service, hash, spec, port } = want;
  if (outside.containers.has(key)) throw new Error(`container ${key} exists twice`);
  if (!outside.images.has(spec.image)) throw new TransientError(`no such image ${spec.image}`);
  if (!outside.networks.has(want.network)) throw new TransientError(`no such network ${want.network}`);
  // The real engine would make one without our labels, which nobody would ever remove.
  const missing = Object.keys(spec.volumes).find((volume) => !outside.volumes.has(volume));
  if (missing !== undefined) throw new TransientError(`no such volume ${missing}`);
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
  const volumes = Object.keys(spec.volumes);
  outside.containers.set(key, { row, startedMs: outside.nowMs, restarts: 0, volumes });
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
