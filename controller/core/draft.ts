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
  Resource,
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

const NOTHING: Seen = { image: [], network: [], volume: [], port: [], instance: [], vhost: [] };

/** What is seen of each deployment, told apart once: looking through everything for each of them would take its square. */
export function partsOf(seen: Seen): (deployment: string) => Seen {
  const parts = new Map<string, Record<keyof Seen, Resource[]>>();
  for (const [kind, haves] of Object.entries(seen) as [keyof Seen, readonly Resource[]][])
    for (const have of haves) {
      const part = parts.get(have.deployment) ?? emptyPart();
      part[kind].push(have);
      parts.set(have.deployment, part);
    }
  return (deployment) => (parts.get(deployment) as Seen | undefined) ?? NOTHING;
}

function emptyPart(): Record<keyof Seen, Resource[]> {
  return { image: [], network: [], volume: [], port: [], instance: [], vhost: [] };
}

/** One deployment's part of the work. */
export interface Context {
  readonly deployment: DesiredDeployment;
  /** What is there of this deployment alone. */
  readonly seen: Seen;
  /** All there are, by key: an entry may name one that is nobody's. */
  readonly images: ReadonlyMap<string, ImageHave>;
  /** Host ports of all instances there are, whoever's. */
  readonly instancePorts: ReadonlySet<number>;
  readonly rules: RolloutRules;
  readonly allocate: () => number | undefined;
}
