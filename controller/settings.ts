/**
 * Environment → frozen settings. The only reader of `process.env`: `main.ts` hands it in, nobody else looks.
 * Everything that is wrong is told at once, each with its name, its value (never a secret's) and the fix.
 */
import { join, resolve } from 'node:path';
import { type Ask, asker } from './settings/ask.ts';
import { readValues } from './settings/env.ts';
import {
  type Address,
  absolutePath,
  address,
  apiUrl,
  bcryptHash,
  branch,
  command,
  configRepo,
  dockerHost,
  duration,
  engine,
  hostList,
  hostname,
  integer,
  jwtSecret,
  matching,
  oneOf,
  plainPath,
  portRange,
  repoFile,
} from './settings/values.ts';

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
  /** Absent: the tunnel and DNS are off. */
  readonly cloudflare?: {
    readonly token: string;
    readonly accountId?: string;
    /** Name or id. */
    readonly tunnel: string;
    readonly baseUrl: string;
    readonly connector: 'off' | 'container';
  };
  readonly github: {
    readonly token?: string;
    readonly webhookSecret?: string;
    readonly apiUrl: string;
  };
  readonly ageIdentityFile?: string;
  readonly dockerHost: string;
  /** `NODE_EXTRA_CA_CERTS`: further certificates that Node trusts, and so must git. */
  readonly caFile?: string;
  readonly log: 'debug' | 'info' | 'warn' | 'error';
}

/** Settings, or every error there is; `cwd` is where `.env` and relative paths are looked for. */
export function readSettings(
  env: NodeJS.ProcessEnv,
  cwd: string,
): { readonly settings?: Settings; readonly errors: readonly string[] } {
  const given = readValues(env, cwd);
  const errors = [...given.errors];
  const caFile = env.NODE_EXTRA_CA_CERTS;
  const settings = { ...gather(asker(given.values, errors), cwd), ...(caFile && { caFile }) };
  errors.push(...clashes(settings, given.values));
  return errors.length === 0 ? { settings: Object.freeze(settings), errors } : { errors };
}

function gather(ask: Ask, cwd: string): Settings {
  const dataDir = resolve(cwd, ask.always('BERTH_DATA_DIR', plainPath));
  const repo = ask.maybe('BERTH_CONFIG_REPO', configRepo);
  const own = repo === undefined;
  const identityFile = ask.maybe('BERTH_AGE_IDENTITY_FILE', plainPath);
  return {
    dataDir,
    configRepo: own ? join(dataDir, 'config') : /^https?:/.test(repo) ? repo : resolve(cwd, repo),
    embedded: own,
    configBranch: ask.always('BERTH_CONFIG_BRANCH', branch),
    configFile: ask.always('BERTH_CONFIG_FILE', repoFile),
    listen: ask.always('BERTH_LISTEN', address),
    domain: ask.always('BERTH_DOMAIN', hostname),
    adminUser: ask.always(
      'BERTH_ADMIN_USER',
      matching(/^[\w.@+-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 . _ @ + -'),
    ),
    owner: ask.always(
      'BERTH_OWNER',
      matching(
        /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/,
        'must be at most 40 of a-z 0-9 -, with no - at its ends',
      ),
    ),
    ports: ask.always('BERTH_PORTS', portRange),
    intervalMs: ask.always('BERTH_INTERVAL', duration('1s', '24h')),
    builds: ask.always('BERTH_BUILDS', integer(1, 16)),
    drainMs: ask.always('BERTH_DRAIN', duration('0s', '1h')),
    keepImages: ask.always('BERTH_KEEP_IMAGES', integer(1, 100)),
    maxDeletions: ask.always('BERTH_MAX_DELETIONS', integer(0, 1_000_000)),
    nginx: nginx(ask),
    http: ask.always('BERTH_HTTP', address),
    engine: ask.always('BERTH_ENGINE', engine),
    gitAllow: ask.always('BERTH_GIT_ALLOW', hostList),
    github: github(ask),
    dockerHost: ask.always('DOCKER_HOST', dockerHost),
    log: ask.always('BERTH_LOG', oneOf('debug', 'info', 'warn', 'error')),
    ...given({
      configToken: ask.maybe('BERTH_CONFIG_TOKEN', token),
      adminHost: ask.maybe('BERTH_ADMIN_HOST', hostname),
      adminPasswordHash: ask.maybe('BERTH_ADMIN_PASSWORD_HASH', bcryptHash),
      jwtSecret: ask.maybe('BERTH_JWT_SECRET', jwtSecret),
      cloudflare: cloudflare(ask),
      ageIdentityFile: identityFile && resolve(cwd, identityFile),
      registry: ask.maybe(
        'BERTH_REGISTRY',
        matching(
          /^[a-z0-9.-]+(:\d{1,5})?(\/[a-z0-9._-]+)*$/,
          'must be a registry, such as registry.lan:5000/berth',
        ),
      ),
    }),
  };
}

/** One word of printable ASCII, as every token is. */
const token = matching(/^[\x21-\x7e]+$/, 'must be one word of printable ASCII');

function cloudflare(ask: Ask): Settings['cloudflare'] {
  const apiToken = ask.maybe('CLOUDFLARE_API_TOKEN', token);
  const settings = {
    tunnel:
      ask.maybe('CLOUDFLARE_TUNNEL', matching(/^[\w.-]{1,100}$/, 'must be a name of A-Z a-z 0-9 . _ -')) ??
      ask.always('BERTH_OWNER', matching(/^/, '')),
    baseUrl: ask.always('CLOUDFLARE_BASE_URL', apiUrl),
    connector: ask.always('BERTH_CLOUDFLARED', oneOf('off', 'container')),
    ...given({
      accountId: ask.maybe(
        'CLOUDFLARE_ACCOUNT_ID',
        matching(/^[0-9a-f]{32}$/, "must be 32 hex digits, as the dashboard's address shows them"),
      ),
    }),
  };
  return apiToken === undefined ? undefined : Object.freeze({ token: apiToken, ...settings });
}

function github(ask: Ask): Settings['github'] {
  return Object.freeze({
    apiUrl: ask.always('GITHUB_API_URL', apiUrl),
    ...given({
      token: ask.maybe('GITHUB_TOKEN', token),
      webhookSecret: ask.maybe(
        'GITHUB_WEBHOOK_SECRET',
        matching(/^.{16,}$/s, 'must be at least 16 characters: make it with `openssl rand -hex 32`'),
      ),
    }),
  });
}

function nginx(ask: Ask): Settings['nginx'] {
  const mode = ask.always('BERTH_NGINX', oneOf('managed', 'system'));
  const dir = ask.always('BERTH_NGINX_DIR', absolutePath);
  const test = ask.always('BERTH_NGINX_TEST', command);
  const reload = ask.always('BERTH_NGINX_RELOAD', command);
  return Object.freeze(mode === 'managed' ? { mode } : { mode, dir, test, reload });
}

/** What is right alone and wrong together. */
function clashes(settings: Settings, values: ReadonlyMap<string, string>): readonly string[] {
  const { listen, http, ports } = settings;
  const errors: string[] = [];
  if (listen.port === http.port && overlap(listen, http))
    errors.push(`BERTH_LISTEN and BERTH_HTTP are both on port ${http.port}: give each its own`);
  for (const [name, { port }] of [
    ['BERTH_LISTEN', listen],
    ['BERTH_HTTP', http],
  ] as const) {
    if (port >= ports.first && port <= ports.last)
      errors.push(
        `${name} is on port ${port}, which BERTH_PORTS (${ports.first}-${ports.last}) hands out: move one of them`,
      );
  }
  const { adminHost, cloudflare } = settings;
  if (adminHost !== undefined && !/^(127\.0\.0\.1|0\.0\.0\.0|::)$/.test(listen.host))
    errors.push('BERTH_ADMIN_HOST needs BERTH_LISTEN on 127.0.0.1, where nginx asks it: set that');
  if (cloudflare === undefined && values.get('BERTH_CLOUDFLARED') === 'container')
    errors.push('BERTH_CLOUDFLARED=container needs CLOUDFLARE_API_TOKEN: set it, or remove both');
  for (const name of ['BERTH_NGINX_DIR', 'BERTH_NGINX_TEST', 'BERTH_NGINX_RELOAD']) {
    if (settings.nginx.mode === 'managed' && values.has(name))
      errors.push(`${name} is read only with BERTH_NGINX=system: set that, or remove it`);
  }
  return errors;
}

function overlap(a: Address, b: Address): boolean {
  const any = (host: string): boolean => host === '0.0.0.0' || host === '::';
  return a.host === b.host || any(a.host) || any(b.host);
}

/** Drops what was not given, as `exactOptionalPropertyTypes` asks for. */
function given<T extends object>(maybe: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(maybe).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
