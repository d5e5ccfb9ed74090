/** What an instance is in the engine's words: the body of `POST /containers/create`, and the way back from its list. */
import type Docker from 'dockerode';
import type { InstanceWant } from '../../core/types.ts';
import { LABEL, type Labels } from './labels.ts';
import type { InstanceRow } from './types.ts';

/** Seconds from SIGTERM to SIGKILL. */
export const STOP_SECONDS = 10;

/** Where this machine's own network is meant. */
const HOST = 'host';

export interface BodyOptions {
  /** Port in the container, already decided; on this machine's own network the host port. */
  readonly listen: number;
  /** With its sealed values opened. */
  readonly env: Readonly<Record<string, string>>;
  readonly owner: string;
}

/** Pure. */
export function containerBody(
  want: InstanceWant,
  { listen, env, owner }: BodyOptions,
): Docker.ContainerCreateOptions {
  const { spec, network } = want;
  const { addressAs } = spec;
  const all = {
    ...env,
    PORT: String(listen),
    ...(addressAs !== undefined && { [addressAs]: `127.0.0.1:${listen}` }),
  };
  const { HostConfig, ...place } = network === HOST ? onHost() : onBridge(want, listen);
  return {
    Image: spec.image,
    ...(spec.command && { Cmd: [...spec.command] }),
    Env: Object.entries(all).map(([name, value]) => `${name}=${value}`),
    Labels: instanceLabels(want, listen, owner),
    StopTimeout: STOP_SECONDS,
    ...place,
    HostConfig: {
      ...HostConfig,
      Mounts: Object.entries(spec.volumes).map(([Source, Target]) => ({ Type: 'volume', Source, Target })),
      RestartPolicy: { Name: 'unless-stopped' },
      SecurityOpt: ['no-new-privileges'],
      // Most programs ignore SIGTERM as process 1; under an init they don't.
      Init: true,
      Memory: spec.memoryBytes,
      MemorySwap: spec.memoryBytes,
      ...(spec.cpus !== undefined && { NanoCpus: Math.round(spec.cpus * 1e9) }),
      PidsLimit: spec.pids,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
    },
  };
}

type Place = Pick<
  Docker.ContainerCreateOptions,
  'ExposedPorts' | 'Healthcheck' | 'HostConfig' | 'NetworkingConfig'
>;

function onBridge({ port, network, service }: InstanceWant, listen: number): Place {
  const tcp = `${listen}/tcp`;
  return {
    // A binding without this publishes nothing, silently.
    ExposedPorts: { [tcp]: {} },
    HostConfig: {
      ...(port !== undefined && {
        PortBindings: { [tcp]: [{ HostIp: '127.0.0.1', HostPort: String(port) }] },
      }),
      NetworkMode: network,
    },
    NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: [service] } } },
  };
}

/** Nothing is published, and the engine gives no aliases there. An image's own check asks a port of its own choice. */
function onHost(): Place {
  return { Healthcheck: { Test: ['NONE'] }, HostConfig: { NetworkMode: HOST } };
}

function instanceLabels(want: InstanceWant, listen: number, owner: string): Record<string, string> {
  const { health, image, routed } = want.spec;
  return {
    [LABEL.owner]: owner,
    [LABEL.deployment]: want.deployment,
    [LABEL.service]: want.service,
    [LABEL.instance]: want.key,
    [LABEL.hash]: want.hash,
    [LABEL.commit]: want.commit,
    [LABEL.image]: image,
    ...(want.port !== undefined && { [LABEL.port]: String(want.port) }),
    [LABEL.listen]: String(listen),
    [LABEL.routed]: String(routed),
    ...(health.path !== undefined && { [LABEL.healthPath]: health.path }),
    [LABEL.healthIntervalMs]: String(health.intervalMs),
    [LABEL.healthTimeoutMs]: String(health.timeoutMs),
  };
}

/** Pure. `stopping` holds the ids of those that a stop of ours is under way for. */
export function instanceRow(container: Docker.ContainerInfo, stopping: ReadonlySet<string>): InstanceRow {
  const labels = container.Labels;
  const port = portOf(labels);
  const mode = container.HostConfig?.NetworkMode ?? '';
  const address = container.NetworkSettings?.Networks?.[mode]?.IPAddress;
  const path = labels[LABEL.healthPath];
  return {
    // With links a container has more names, such as `/other/alias`; its own has one slash.
    key: (container.Names.find((name) => name.lastIndexOf('/') === 0) ?? `/${container.Id}`).slice(1),
    id: container.Id,
    deployment: labels[LABEL.deployment] ?? '',
    service: labels[LABEL.service] ?? '',
    hash: labels[LABEL.hash] ?? '',
    image: labels[LABEL.image] ?? container.Image,
    state: stopping.has(container.Id) ? 'stopping' : stateOf(container.State),
    createdMs: container.Created * 1000,
    ...(port !== undefined && { port }),
    listen: numberIn(labels, LABEL.listen, 3000),
    ...(address && { address }),
    ...(mode === HOST && { onHost: true }),
    health: {
      ...(path !== undefined && { path }),
      intervalMs: numberIn(labels, LABEL.healthIntervalMs, 1000),
      timeoutMs: numberIn(labels, LABEL.healthTimeoutMs, 60_000),
    },
    routed: labels[LABEL.routed] === 'true',
  };
}

/** Host port that the labels of an instance name. */
export function portOf(labels: Labels): number | undefined {
  return labels?.[LABEL.port] === undefined ? undefined : numberIn(labels, LABEL.port, 0);
}

function numberIn(labels: Labels, label: string, otherwise: number): number {
  const number = Number(labels?.[label]);
  return Number.isSafeInteger(number) && number > 0 ? number : otherwise;
}

/** `paused` was done by hand and serves nobody, so it is as good as stopped; `start` takes it up again. */
function stateOf(state: string): InstanceRow['state'] {
  if (state === 'running' || state === 'created' || state === 'restarting') return state;
  return state === 'removing' ? 'stopping' : 'exited';
}
