/**
 * What Berth needs of a container engine, in Berth's words. `docker.ts` and, later, `swarm.ts` speak it to the real
 * ones; nothing above this folder knows which it is. Every write goes through the `step` the engine was made with.
 * Errors: `TransientError` when the engine can't be reached or is busy, `StalledError` when it refuses for good.
 */
import type { Readable } from 'node:stream';
import type { BuildSpec, Health, InstanceWant } from '../../core/types.ts';

export interface EngineInfo {
  readonly version: string;
  readonly buildkit: boolean;
}

/** An instance as one list call tells it. */
export interface InstanceRow {
  readonly key: string;
  readonly id: string;
  readonly deployment: string;
  readonly service: string;
  readonly hash: string;
  readonly image: string;
  /** `stopping` while a stop that we asked for is under way. */
  readonly state: 'created' | 'running' | 'restarting' | 'exited' | 'stopping';
  readonly createdMs: number;
  /** On 127.0.0.1: published, or its own. */
  readonly port?: number;
  /** In the container, at `address`. */
  readonly listen: number;
  readonly address?: string;
  /** It is on this machine's own network, and answers at 127.0.0.1 and its port. */
  readonly onHost?: true;
  readonly health: Health;
  readonly routed: boolean;
}

export interface InstanceDetail {
  readonly restarts: number;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  readonly error: string;
}

export interface ImageRow {
  readonly key: string;
  /** Empty, as `service`, for images that are not ours; they are listed because a deployment may name one. */
  readonly deployment: string;
  readonly service: string;
  readonly createdMs: number;
}

export interface NetworkRow {
  readonly key: string;
  readonly deployment: string;
  readonly subnet: string;
}

export interface VolumeRow {
  readonly key: string;
  readonly deployment: string;
  readonly createdAt: string;
}

export interface BuildOptions {
  readonly tag: string;
  readonly labels: Readonly<Record<string, string>>;
  /** In the context. */
  readonly dockerfile: string;
  readonly target?: string;
  readonly args?: BuildSpec['args'];
  readonly memoryBytes: number;
}

/** One line of a build or of a running instance. `at` is ISO 8601. */
export interface LogLine {
  readonly at: string;
  readonly level: 'info' | 'error';
  readonly stream: 'stdout' | 'stderr' | 'berth';
  readonly text: string;
}

export interface EngineEvent {
  readonly type: 'container' | 'image' | 'network' | 'volume';
  readonly action: string;
  /** Instance key, where the event is about one. */
  readonly key: string;
}

export interface Engine {
  info(): Promise<EngineInfo>;
  instances(): Promise<readonly InstanceRow[]>;
  inspect(key: string): Promise<InstanceDetail | undefined>;
  /** Opens sealed values, creates and starts. What could not be started is removed again before it throws. */
  create(want: InstanceWant): Promise<void>;
  start(key: string): Promise<void>;
  /** Asks for a stop and returns at once: SIGTERM, and SIGKILL after 10 s. The row is `stopping` meanwhile. */
  stop(key: string): Promise<void>;
  /** Gone already is fine, so for all removals. Running is killed. */
  remove(key: string): Promise<void>;
  /** The last lines, oldest first. */
  tail(key: string, lines: number): Promise<readonly LogLine[]>;
  follow(key: string, options: { tail: number; signal: AbortSignal }): AsyncIterable<LogLine>;

  images(): Promise<readonly ImageRow[]>;
  /** Resolves when the image is there under its tag, throws StalledError with the builder's words when it failed. */
  build(
    context: Readable,
    options: BuildOptions,
    onLine: (line: LogLine) => void,
    signal: AbortSignal,
  ): Promise<void>;
  pull(reference: string, onLine: (line: LogLine) => void, signal: AbortSignal): Promise<void>;
  /** Imports a root file system as an image; `changes` are Dockerfile instructions. */
  importImage(tar: Readable, reference: string, changes: readonly string[]): Promise<void>;
  hasImage(reference: string): Promise<boolean>;
  removeImage(reference: string): Promise<void>;

  networks(): Promise<readonly NetworkRow[]>;
  /** Picks a subnet of Berth's own pool that no other network and no interface of this machine uses. */
  createNetwork(key: string, deployment: string): Promise<void>;
  removeNetwork(key: string): Promise<void>;

  volumes(): Promise<readonly VolumeRow[]>;
  createVolume(key: string, deployment: string): Promise<void>;
  /** A tar of the volume's content. */
  readVolume(key: string): Promise<Readable>;
  removeVolume(key: string): Promise<void>;

  /** Calls back for every event about what is ours, until the signal; reconnects by itself and then reports `reconnected`. */
  watch(onEvent: (event: EngineEvent) => void, signal: AbortSignal): Promise<void>;
}
