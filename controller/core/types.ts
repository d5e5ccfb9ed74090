/**
 * The nouns. Three worlds meet in a pass:
 * `Desired` is what the file asks for at a commit, with sources resolved as far as they are known;
 * `Observed` is what exists and is ours; `Wanted` is what ought to exist *now*, on the way from one to the other.
 * A plan is the difference between `Wanted` and `Observed`, as data.
 *
 * Over 250 lines because the nouns are read together, and hold no code.
 */

export type Verb = 'create' | 'update' | 'delete';

/** Why a step of the plan is not taken in this pass. */
export interface Wait {
  readonly why: string;
  /** Until it is worth another look, if known. */
  readonly ms?: number;
  /** It will not happen by itself: a commit or a person has to act. */
  readonly forPerson?: true;
}

/** One step of a plan. `why` is the sentence a person reads; `want` is what the kind needs to make it so. */
export interface Action<Want = unknown> {
  readonly verb: Verb;
  readonly kind: string;
  readonly key: string;
  /** Empty for what belongs to no deployment, such as nginx itself. */
  readonly deployment: string;
  readonly why: string;
  readonly wait?: Wait;
  readonly want?: Want;
}

/** What became of an action: `error` is what was thrown, `skipped` why it was not tried. */
export interface Outcome {
  readonly action: Action;
  /** What was done, where that is not the verb itself: an image that is to be created was `queued`. */
  readonly did?: string;
  readonly error?: unknown;
  readonly skipped?: string;
}

/** Anything that exists and is ours, under a key that is unique in its kind. */
export interface Resource {
  readonly key: string;
  readonly deployment: string;
}

/** One kind of thing that Berth manages: it sees its own, says what differs, and makes it so. */
export interface Kind<Have extends Resource = Resource, Want = unknown> {
  readonly name: string;
  /** Everything of ours; throws when that can't be said with certainty. */
  observe(signal: AbortSignal): Promise<readonly Have[]>;
  /** Pure. Actions in any order; the planner sorts them. */
  diff(wanted: Wanted, observed: Observed): readonly Action<Want>[];
  /** One outcome per action, in batches where the world is shared (one reload). Never throws for a single action. */
  apply(actions: readonly Action<Want>[], signal: AbortSignal): Promise<readonly Outcome[]>;
}

// ---------------------------------------------------------------- desired

export interface Route {
  /** Starts with `/`. */
  readonly prefix: string;
  readonly service: string;
  readonly strip: boolean;
}

export interface Health {
  /** With a path 2xx and 3xx are healthy; without, a routed service answers `/` below 500, an internal one accepts TCP. */
  readonly path?: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

export interface BuildSpec {
  readonly dockerfile?: string;
  readonly target?: string;
  readonly args?: Readonly<Record<string, string>>;
  readonly preset?: 'node' | 'python' | 'go' | 'static';
  readonly install?: string;
  readonly command?: string;
  readonly output?: string;
}

/** An image to have: built from the tree of a repo's `path`, or pulled as it is named. */
export interface ImageWant extends Resource {
  readonly service: string;
  readonly from:
    | {
        readonly kind: 'build';
        /** `https://…`, or `.` for the config repo. */
        readonly repo: string;
        readonly commit: string;
        readonly path: string;
        readonly build: BuildSpec;
      }
    | { readonly kind: 'pull' };
}

/**
 * A sealed value. It is opened only for the container that gets it; its fingerprint changes with the value and tells
 * nothing about it. However it is printed, it is `[redacted]`.
 */
export interface Secret {
  /** Hex, keyed with a secret of the data dir. */
  readonly fingerprint: string;
  /** Throws StalledError when it can't be opened any more. */
  open(): Promise<string>;
}

/** All that decides how an instance runs. A change of any of it is another instance. */
export interface InstanceSpec {
  readonly image: string;
  /** Overrides the image's command. */
  readonly command?: readonly string[];
  readonly env: Readonly<Record<string, string | Secret>>;
  /** Port in the container; without it the image's lowest EXPOSE, else 3000. */
  readonly listen?: number;
  readonly health: Health;
  readonly routed: boolean;
  /** Docker volume name to absolute path in the container. */
  readonly volumes: Readonly<Record<string, string>>;
  readonly memoryBytes: number;
  readonly cpus?: number;
  readonly pids: number;
  /**
   * Runs on this machine's own network and gets `127.0.0.1:<its host port>` under this name of its environment, to
   * answer its health check there. Nothing is published.
   */
  readonly addressAs?: string;
}

export interface DesiredService {
  readonly name: string;
  /** The version asked for; absent while its source is not known (`unknown` says why). */
  readonly version?: {
    readonly image: ImageWant;
    /** Eight hex digits over everything in `spec`, keyed with a secret of the data dir. */
    readonly hash: string;
    readonly spec: InstanceSpec;
  };
  readonly unknown?: { readonly why: string; readonly failed: boolean };
  readonly replicas: number;
  readonly strategy: 'rolling' | 'recreate';
  readonly needs: readonly string[];
  /** On a route, or behind a pinned port that nginx holds. */
  readonly routed: boolean;
  readonly pinnedPort?: number;
  /** Its instances run on this machine's own network (`spec.addressAs`) and have a host port without being routed. */
  readonly onHost?: true;
}

export interface DesiredDeployment {
  readonly name: string;
  readonly hostnames: readonly string[];
  /** Longest prefix first. */
  readonly routes: readonly Route[];
  readonly services: readonly DesiredService[];
  readonly volumes: readonly string[];
  readonly suspend: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** In nginx's words, such as `100m`. */
  readonly maxBody: string;
  readonly timeoutMs?: number;
  /** Changes whenever anything desired of it changes: failures and backoff are forgotten then. */
  readonly fingerprint: string;
}

/** One error of the file, where it is and what to do. */
export interface Problem {
  /** Empty when the file as a whole is wrong. */
  readonly deployment: string;
  readonly message: string;
}

export interface Desired {
  /** Commit whose file is in force. */
  readonly commit: string;
  readonly deployments: readonly DesiredDeployment[];
  /** Present in the file but wrong: what runs of them stays exactly as it is. */
  readonly stalled: ReadonlySet<string>;
  readonly problems: readonly Problem[];
  /** Vhosts of the controller's own, which lead to a port that is no instance's: the admin. */
  readonly ownVhosts?: readonly VhostWant[];
}

// --------------------------------------------------------------- observed

export interface ImageHave extends Resource {
  readonly service: string;
  readonly state: 'queued' | 'building' | 'ready' | 'failed';
  readonly createdMs: number;
  readonly error?: string;
}

export interface NetworkHave extends Resource {
  readonly subnet: string;
}

export interface VolumeHave extends Resource {
  /** A volume is deleted only when `archived`. */
  readonly state: 'ready' | 'archiving' | 'archived';
}

export interface PortHave extends Resource {
  readonly port: number;
  readonly service: string;
  /** Key of the instance that has it; empty for a pinned port, which nginx or the service holds for good. */
  readonly instance: string;
}

export interface InstanceHave extends Resource {
  readonly service: string;
  readonly hash: string;
  readonly image: string;
  readonly state: 'created' | 'running' | 'restarting' | 'exited' | 'stopping';
  /** Host port on 127.0.0.1, where it is published. */
  readonly port?: number;
  /** It answered its health check, and nothing since says otherwise. */
  readonly ready: boolean;
  /** How long it has been ready, or, while it is not, how long it has been waited for. */
  readonly sinceMs: number;
  readonly healthTimeoutMs: number;
  readonly restarts: number;
  /** What to tell about it when it is not ready: exit code and last lines, or the last probe's answer. */
  readonly detail?: string;
  /** It has been ready before, so it is not given up for a slow answer. */
  readonly proven: boolean;
  /** Set once Berth has given this version up; it stays stopped, for its logs. */
  readonly gaveUp?: string;
}

export interface VhostHave extends Resource {
  readonly text: string;
  /** Service to the keys of the instances it leads to, as its own header says. */
  readonly serves: Readonly<Record<string, readonly string[]>>;
  /** How long nginx has been running exactly this text; 0 while it does not. */
  readonly liveForMs: number;
  /** Workers of an older configuration are still at work and may send requests to what it led to before. */
  readonly oldWorkers: boolean;
}

/** What a kind saw, or why that is not certain. */
export type Seen<Have> = readonly Have[] | { readonly uncertain: string };

export interface Observed {
  readonly image: Seen<ImageHave>;
  readonly network: Seen<NetworkHave>;
  readonly volume: Seen<VolumeHave>;
  readonly port: Seen<PortHave>;
  readonly instance: Seen<InstanceHave>;
  readonly vhost: Seen<VhostHave>;
  /** Kinds that no rollout depends on. */
  readonly [kind: string]: Seen<Resource>;
}

// ----------------------------------------------------------------- wanted

export interface NetworkWant extends Resource {}

export interface VolumeWant extends Resource {}

export interface PortWant extends Resource {
  readonly port: number;
  readonly service: string;
  readonly instance: string;
}

/** An instance that has to exist and run. */
export interface InstanceWant extends Resource {
  readonly service: string;
  readonly hash: string;
  readonly commit: string;
  readonly spec: InstanceSpec;
  /** Its deployment's, or `host` for this machine's own. */
  readonly network: string;
  readonly port?: number;
  readonly why: string;
  readonly wait?: Wait;
}

/** Where a prefix or a pinned port leads; no upstreams: the page that says so. */
export interface Backend {
  readonly service: string;
  readonly instances: readonly { readonly key: string; readonly port: number }[];
}

export interface VhostWant extends Resource {
  readonly hostnames: readonly string[];
  readonly routes: readonly Route[];
  readonly backends: readonly Backend[];
  /** Host port on 127.0.0.1 that leads to a service, whatever instance it is. */
  readonly pinned: readonly { readonly port: number; readonly service: string }[];
  readonly suspended: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly maxBody: string;
  readonly timeoutMs?: number;
  readonly why: string;
  readonly wait?: Wait;
}

/** Why something that is there goes, or must wait before it goes. */
export interface Leaving {
  readonly why: string;
  readonly wait?: Wait;
}

/** Whether an instance that is there should run; `giveUp` is recorded with a stop, and shown. */
export interface Standing {
  readonly run: boolean;
  readonly why: string;
  readonly giveUp?: string;
}

/** One deployment's part of a rollout, in words. */
export interface Verdict {
  readonly status: 'running' | 'building' | 'failed' | 'stopped';
  readonly stage: string;
  readonly error?: string;
}

export interface Wanted {
  readonly images: readonly ImageWant[];
  readonly networks: readonly NetworkWant[];
  readonly volumes: readonly VolumeWant[];
  readonly ports: readonly PortWant[];
  readonly instances: readonly InstanceWant[];
  readonly vhosts: readonly VhostWant[];
  /** Names in the file, the stalled ones among them: nothing of these is "gone". */
  readonly present: ReadonlySet<string>;
  /** No action may touch these in this pass; the reason by name. */
  readonly frozen: ReadonlyMap<string, string>;
  /** Instances that are there and stay without being wanted anew: an old version that serves, one that is given up. */
  readonly standing: ReadonlyMap<string, Standing>;
  /** By `kind/key`: not wanted anew, but left alone for now or for good. */
  readonly kept: ReadonlySet<string>;
  /** By `kind/key`: what is neither wanted, standing nor kept goes; here is why, where there is more to say than "no longer wanted". */
  readonly leaving: ReadonlyMap<string, Leaving>;
  readonly verdicts: ReadonlyMap<string, Verdict>;
}
