/** What a rollout reads, and the answer it is writing. */
import type { PortRange } from './ports.ts';
import type {
  Desired,
  DesiredDeployment,
  ImageHave,
  InstanceHave,
  NetworkHave,
  Observed,
  PortHave,
  VhostHave,
  VolumeHave,
  Wanted,
} from './types.ts';

/** What a rollout needs to know beside the two worlds. */
export interface RolloutRules {
  readonly ports: PortRange;
  /** Host ports that something which is not nginx listens on. */
  readonly busyPorts: ReadonlySet<number>;
  /** Host ports that an nginx listens on, ours or not: right for a pinned port, taken for an instance. */
  readonly nginxPorts: ReadonlySet<number>;
  readonly drainMs: number;
  readonly workerShutdownMs: number;
  readonly keepImages: number;
}

/** The kinds whose observation a rollout stands on, all certain. */
export interface Seen {
  readonly image: readonly ImageHave[];
  readonly network: readonly NetworkHave[];
  readonly volume: readonly VolumeHave[];
  readonly port: readonly PortHave[];
  readonly instance: readonly InstanceHave[];
  readonly vhost: readonly VhostHave[];
}

/** `Wanted` while it is being written. */
export type Draft = {
  -readonly [K in keyof Wanted]: Wanted[K] extends readonly (infer T)[]
    ? T[]
    : Wanted[K] extends ReadonlyMap<infer A, infer B>
      ? Map<A, B>
      : Wanted[K] extends ReadonlySet<infer A>
        ? Set<A>
        : never;
};

/** Nothing is wanted yet; stalled entries are present and frozen. */
export function emptyDraft(desired: Desired): Draft {
  const present = new Set([...desired.deployments.map(({ name }) => name), ...desired.stalled]);
  return {
    images: [],
    networks: [],
    volumes: [],
    ports: [],
    instances: [],
    vhosts: [],
    present,
    frozen: new Map([...desired.stalled].map((name) => [name, 'its entry in the file is wrong'])),
    standing: new Map(),
    kept: new Set(),
    leaving: new Map(),
    verdicts: new Map(),
  };
}

/** The kinds of `Seen`, or the reason why one of them is not certain. */
export function certain(observed: Observed): Seen | string {
  const { image, network, volume, port, instance, vhost } = observed;
  const seen = { image, network, volume, port, instance, vhost };
  for (const [kind, have] of Object.entries(seen)) {
    if ('uncertain' in have) return `${kind}s could not be read: ${have.uncertain}`;
  }
  return seen as Seen;
}

/** One deployment's part of the work. */
export interface Context {
  readonly deployment: DesiredDeployment;
  readonly seen: Seen;
  readonly rules: RolloutRules;
  readonly allocate: () => number | undefined;
}
