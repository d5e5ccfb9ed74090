/** The contracts of the clients that are not the engine; each is implemented in the file of its name. */
import type { Readable } from 'node:stream';
import type { Health } from '../core/types.ts';

// ------------------------------------------------------------------ prober

export interface ProbeTarget {
  readonly key: string;
  /** HTTP on 127.0.0.1 for a service that is routed or on this machine's network, else TCP to the container's address. */
  readonly http?: { readonly port: number };
  readonly tcp?: { readonly host: string; readonly port: number };
  readonly health: Health;
}

export interface ProbeResult {
  readonly ready: boolean;
  /** Monotonic: since it became ready, or since it has been waited for. */
  readonly sinceMs: number;
  /** The last answer that was not healthy, as a sentence. */
  readonly detail?: string;
}

/** Probes in the background and remembers; asking it never waits. */
export interface Prober {
  /** The whole set of what is to be probed from now on: what is left out is forgotten. */
  track(targets: readonly ProbeTarget[]): void;
  look(key: string): ProbeResult | undefined;
  /** It died or was restarted: not ready until it answers again. */
  reset(key: string): void;
  close(): void;
}

// ------------------------------------------------------------------- nginx

export interface SiteFile {
  /** Deployment; the file is `<name>.conf`. */
  readonly name: string;
  readonly text: string;
  /** How long nginx has been running exactly this text (monotonic, counted from when this process first saw it); 0 while it does not. */
  readonly liveForMs: number;
}

export interface NginxState {
  /** Our own files only (their first line names the owner). */
  readonly sites: readonly SiteFile[];
  /** Workers of an older configuration are still alive. */
  readonly oldWorkers: boolean;
  /** Nginx runs, and runs what is on the disk. When not, why. */
  readonly running: true | string;
}

export interface SiteChange {
  readonly name: string;
  /** Absent: the file goes. */
  readonly text?: string;
}

/** Result by site name: absent means done, else the error to report for it. */
export type SiteErrors = ReadonlyMap<string, Error>;

export interface Nginx {
  read(): Promise<NginxState>;
  /**
   * Makes the changes as one tested swap and one reload that counts only when nginx answers with the new generation.
   * A site that nginx refuses is left as it was and told (StalledError); the others go on. A reload that is not
   * proven puts the old files back and every change fails (TransientError). No changes: only starts or reloads nginx.
   */
  apply(changes: readonly SiteChange[]): Promise<SiteErrors>;
}

// ------------------------------------------------------------------- store

export interface PortRow {
  readonly port: number;
  readonly deployment: string;
  readonly service: string;
  readonly instance: string;
  readonly allocatedAt: string;
}

export interface BuildFailure {
  /** Image key. */
  readonly key: string;
  readonly deployment: string;
  readonly service: string;
  readonly error: string;
  readonly at: string;
}

export interface GivenUp {
  /** Instance key. */
  readonly key: string;
  readonly deployment: string;
  readonly reason: string;
  readonly at: string;
}

export interface PassRow {
  readonly at: string;
  readonly commit: string;
  readonly trigger: string;
  /** The plan's lines that were applied, with what failed of them. */
  readonly lines: readonly string[];
}

export interface Receipt {
  readonly deployment: string;
  readonly commit: string;
  readonly at: string;
  /** Each thing removed, as `kind key`. */
  readonly removed: readonly string[];
}

/** `state.json`: a cache. Lost or corrupt, it is set aside and rebuilt from what labels and headers say. */
export interface State {
  readonly version: 1;
  readonly ports: readonly PortRow[];
  readonly failures: readonly BuildFailure[];
  readonly givenUp: readonly GivenUp[];
  /** Things removed so far of deployments that are going; a receipt is written when nothing is left. */
  readonly removals: Readonly<Record<string, readonly string[]>>;
  readonly passes: readonly PassRow[];
  readonly receipts: readonly Receipt[];
  /** Hostnames whose tunnel route we made, and for which deployment: a rule of the tunnel has no place for an owner. */
  readonly routes: Readonly<Record<string, string>>;
  /** Deletions that wait for `berth approve`. */
  readonly held?: { readonly commit: string; readonly deployments: readonly string[] };
}

export interface Store {
  readonly state: State;
  /** Replaces the state by what `change` returns, durably; one writer, in order. Nothing is written when it returns the same object. */
  update(change: (state: State) => State): Promise<void>;
}

// ----------------------------------------------------------------- sources

export interface SourceRef {
  readonly branch?: string;
  readonly tag?: string;
  readonly commit?: string;
}

export interface SourceQuery {
  /** `https://…`; the config repo itself (`.`) is asked for with `commit` and does not come here. */
  readonly repo: string;
  readonly ref: SourceRef;
  readonly path: string;
}

/** What is known of a source now. `tree` is the Git tree of `path` at `commit`. */
export type SourceHead =
  | { readonly state: 'known'; readonly commit: string; readonly tree: string }
  | { readonly state: 'pending' }
  /** The last known head stays in force when there is one. */
  | {
      readonly state: 'failed';
      readonly error: Error;
      readonly last?: { readonly commit: string; readonly tree: string };
    };

/** Heads of app repos: looked up in the background, one request per repo and poll, shared by all who ask. */
export interface Sources {
  /** Never waits. The first time it starts a look and answers `pending`. */
  head(query: SourceQuery): SourceHead;
  /** Looks at every repo in use once more (or the one named); resolves when done. Unused caches are evicted. */
  poll(repo?: string): Promise<void>;
  /** The repos that were asked for lately, and which refs of them. */
  inUse(): readonly { readonly repo: string; readonly refs: readonly SourceRef[] }[];
  /** Whether a ref in use of the repo, whatever its spelling, stood at this object when it was last looked at, and could be fetched. */
  saw(repo: string, oid: string): boolean;
  /** No entry names any other repo: forgets them and deletes their caches, but for what is still being read. */
  keepOnly(repos: ReadonlySet<string>): Promise<void>;
  /** Resolves when nothing that was asked for is pending. */
  settle(signal: AbortSignal): Promise<void>;
  /** A bare repository that has this commit, for analysis and `git archive`. Fetches it if it must. */
  open(repo: string, commit: string, signal: AbortSignal): Promise<SourceTree>;
  close(): Promise<void>;
}

/** Reading access to one commit of a bare repository; nothing is ever checked out. */
export interface SourceTree {
  readonly commit: string;
  /** Entries below a directory (`.` is the root), recursively, with sizes; throws StalledError past the limits. */
  list(path: string): Promise<readonly TreeEntry[]>;
  read(path: string, maxBytes: number): Promise<Buffer | undefined>;
  /** `git archive` of a directory as a tar stream of its content. */
  archive(path: string, signal: AbortSignal): Readable;
}

export interface TreeEntry {
  /** Relative to the directory asked for. */
  readonly path: string;
  /** As Git writes it: 100644, 100755, 120000 (link), 160000 (submodule). */
  readonly mode: string;
  readonly oid: string;
  readonly size: number;
}

// ------------------------------------------------------------- config repo

export interface ConfigHead {
  readonly commit: string;
  /** Raw bytes of the file, or why there are none at this commit. */
  readonly file: { readonly blob: string; readonly bytes: Buffer } | { readonly missing: string };
}

export interface ConfigRepo {
  /** The branch's head and its file. Throws TransientError when that can't be told; then nothing changes. */
  head(signal: AbortSignal): Promise<ConfigHead>;
  /** Git tree of a directory at a commit, for `repo: .`; undefined where there is none. */
  treeOf(commit: string, path: string): Promise<string | undefined>;
  /** For `repo: .`: analysis and archive from its own objects. */
  open(commit: string): Promise<SourceTree>;
  /** Looks at the remote (nothing to do for a local one). Throws as `head` does, and what is known stays in force. */
  poll(signal: AbortSignal): Promise<void>;
  /** Why the last `poll` failed; undefined once one went well. */
  readonly trouble: string | undefined;
  /** Calls back soon after the branch moves locally. */
  watch(onChange: () => void, signal: AbortSignal): Promise<void>;
  /**
   * Commits a change of the file onto the branch's newest head, and pushes where it is a remote. `change` is called again
   * with the newer text when somebody else was faster; what it throws ends the edit. Nothing is committed when it changes
   * nothing: the head is returned. Throws TransientError, or StalledError when it is refused for good.
   */
  edit(
    change: (text: string) => string | Promise<string>,
    options: { readonly message: string; readonly signal: AbortSignal },
  ): Promise<string>;
}

// ------------------------------------------------------- archive, log files

/** Archives volumes in the background, one file per volume and life of it, so that a crash only repeats it. */
export interface Archiver {
  state(volume: { readonly key: string; readonly createdAt: string }): 'ready' | 'archiving' | 'archived';
  start(volume: { readonly key: string; readonly deployment: string; readonly createdAt: string }): void;
  /** The volume is used again: its archive stays, but no longer counts. */
  setAside(volume: { readonly key: string; readonly createdAt: string }): Promise<void>;
  close(): Promise<void>;
}

/** The folders below `logs/`, one per deployment. */
export interface LogFiles {
  list(): Promise<readonly { readonly key: string; readonly deployment: string }[]>;
  remove(key: string): Promise<void>;
}
