/** `deployments.yaml` as checked values: every default filled in, durations in ms, sizes in bytes. */
import type { BuildSpec, Health, Problem, Route, Secret } from '../core/types.ts';

/** A value that only this controller can read; `text` is the base64 of the age file. */
export interface Sealed {
  readonly sealed: string;
}

export interface ServiceEntry {
  readonly name: string;
  readonly source:
    | {
        readonly kind: 'repo';
        /** `https://…` (or `http://` where the operator allowed the host), or `.` for the config repo. */
        readonly repo: string;
        readonly ref: { readonly branch?: string; readonly tag?: string; readonly commit?: string };
      }
    | { readonly kind: 'image'; readonly image: string };
  /** Relative, normalised, no leading `./`; `.` is the root. */
  readonly path: string;
  readonly build: BuildSpec;
  /** A string is run by `sh -c` in the container, a list as it is. */
  readonly start?: string | readonly string[];
  readonly listen?: number;
  readonly port?: number;
  readonly env: Readonly<Record<string, string | Sealed>>;
  readonly health: Health;
  readonly needs: readonly string[];
  readonly memoryBytes: number;
  readonly cpus?: number;
  readonly pids: number;
  /** Name to absolute path in the container. */
  readonly volumes: Readonly<Record<string, string>>;
  readonly replicas: number;
  readonly strategy: 'rolling' | 'recreate';
  readonly routed: boolean;
}

export interface DeploymentEntry {
  readonly name: string;
  /** The main one first; lower case, no duplicates. */
  readonly hostnames: readonly string[];
  readonly services: readonly ServiceEntry[];
  /** Longest prefix first. */
  readonly routes: readonly Route[];
  readonly suspend: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly maxBody: string;
  readonly timeoutMs?: number;
}

/** An entry whose sealed values could all be opened. */
export interface OpenedDeployment extends Omit<DeploymentEntry, 'services'> {
  readonly services: readonly OpenedService[];
}

export interface OpenedService extends Omit<ServiceEntry, 'env'> {
  readonly env: Readonly<Record<string, string | Secret>>;
}

/** A readable file. A file that is wrong as a whole has no `Manifest`, only problems. */
export interface Manifest {
  readonly domain: string;
  /** The entries that are right. */
  readonly deployments: readonly DeploymentEntry[];
  /** Names of the entries that are present but wrong. */
  readonly stalled: readonly string[];
  readonly problems: readonly Problem[];
  /** For example a hostname two labels deep: shown, and nothing is refused for it. */
  readonly warnings: readonly Problem[];
  /** Where each sealed value stands, by its place: `deployments.yaml:14:11 deployments/blog/env/KEY`. */
  readonly sealedAt: ReadonlyMap<string, string>;
}

/** What the file's meaning depends on besides its text. */
export interface ManifestRules {
  /** Shown in errors: `deployments.yaml`. */
  readonly file: string;
  /** Where the file names no domain. */
  readonly domain: string;
  /** `BERTH_ADMIN_HOST` and the like: no deployment may have them. */
  readonly reservedHosts: readonly string[];
  /** Ports that no deployment may pin: the controller's own, nginx's own. */
  readonly reservedPorts: readonly number[];
  /** Automatic host ports: a pinned port must lie outside. */
  readonly ports: { readonly first: number; readonly last: number };
  /** `BERTH_GIT_ALLOW`: hosts (`host` or `host:port`) that may be private or plain http. */
  readonly gitAllow: readonly string[];
}
