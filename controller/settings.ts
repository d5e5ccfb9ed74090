/** Environment → frozen settings. The only reader of `process.env`. */

export interface Settings {
  readonly dataDir: string;
  /** A local path, or an `http(s)://` URL. */
  readonly configRepo: string;
  /** True for the repo that Berth itself makes at `<data>/config`. */
  readonly embedded: boolean;
  readonly configBranch: string;
  readonly configFile: string;
  readonly configToken?: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly domain: string;
  readonly adminHost?: string;
  readonly adminUser: string;
  readonly adminPasswordHash?: string;
  readonly jwtSecret?: string;
  readonly owner: string;
  readonly ports: { readonly first: number; readonly last: number };
  readonly intervalMs: number;
  readonly builds: number;
  readonly drainMs: number;
  readonly keepImages: number;
  readonly maxDeletions: number;
  readonly nginx:
    | { readonly mode: 'managed' }
    | {
        readonly mode: 'system';
        readonly dir: string;
        readonly test: readonly string[];
        readonly reload: readonly string[];
      };
  readonly http: { readonly host: string; readonly port: number };
  readonly engine: 'docker' | 'swarm';
  readonly registry?: string;
  readonly gitAllow: readonly string[];
  readonly dockerHost: string;
  readonly log: 'debug' | 'info' | 'warn' | 'error';
}
