/** Desired worlds for the small world, from a few letters. */
import { createHash } from 'node:crypto';
import type { Desired, DesiredDeployment, DesiredService, VhostWant } from '../../controller/core/types.ts';
import type { Behaviour } from './world.ts';

export interface AppSpec {
  readonly name: string;
  readonly version: number;
  readonly behaviour: Behaviour;
  readonly replicas?: number;
  readonly strategy?: 'rolling' | 'recreate';
  readonly pinned?: boolean;
  /** An internal service with a volume, which `web` needs. */
  readonly db?: number;
  /** Whether `db` keeps its files in a volume; it does unless this says no. */
  readonly volume?: boolean;
  /** An internal service that `db`, or else `web`, needs. */
  readonly cache?: number;
  /** A second routed service, below /api/. */
  readonly api?: number;
  readonly header?: number;
  readonly suspend?: boolean;
  /** What `web` is called. */
  readonly front?: 'web' | 'site';
  /** No route leads to it. */
  readonly internal?: boolean;
  /** Label of its hostname, `@`, or the whole of it; default its name. */
  readonly host?: string;
  /** The source of `web` can't be told, or not any more. */
  readonly source?: 'pending' | 'failed' | 'last known';
}

function hash(...parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 8);
}

interface Options extends Pick<DesiredService, 'replicas' | 'strategy' | 'needs' | 'routed'> {
  readonly volumes: Readonly<Record<string, string>>;
}

function service(app: AppSpec, name: string, tag: string, options: Options): DesiredService {
  const { volumes, ...rest } = options;
  const key = `berth/${app.name}-${name}:${tag}`;
  const spec = {
    image: key,
    env: {},
    health: { intervalMs: 1000, timeoutMs: 8000 },
    routed: options.routed,
    volumes,
    memoryBytes: 512 * 2 ** 20,
    pids: 512,
  };
  const from = {
    kind: 'build' as const,
    ...{ repo: 'https://example.com/r', commit: hash(tag), path: '.', build: {} },
  };
  const image = { key, deployment: app.name, service: name, from };
  return { name, ...rest, version: { image, hash: hash(spec), spec } };
}

const INTERNAL: Options = { replicas: 1, strategy: 'rolling', needs: [], routed: false, volumes: {} };

function front(app: AppSpec): DesiredService {
  const { name, version, behaviour, replicas = 1, strategy = 'rolling', internal = false, source } = app;
  const need = app.db !== undefined ? ['db'] : app.cache !== undefined ? ['cache'] : [];
  const options = { replicas, strategy, needs: need, routed: !internal, volumes: {} };
  const known = service(app, app.front ?? 'web', `${behaviour}-${version}`, options);
  const pin = app.pinned && !internal ? { pinnedPort: 4000 + name.charCodeAt(0) } : {};
  const { version: last, ...rest } = { ...known, ...pin };
  if (source === undefined) return { ...rest, ...(last && { version: last }) };
  const unknown = { why: 'the remote does not answer', failed: source !== 'pending' };
  return { ...rest, unknown, ...(source === 'last known' && last && { version: last }) };
}

function services(app: AppSpec): readonly DesiredService[] {
  const { name, db, cache, api, volume = true } = app;
  const files = volume ? { [`berth-${name}-data`]: '/data' } : {};
  const strategy = volume ? ('recreate' as const) : ('rolling' as const);
  const needs = cache === undefined ? [] : ['cache'];
  return [
    front(app),
    ...(db === undefined
      ? []
      : [service(app, 'db', `good-${db}`, { ...INTERNAL, strategy, needs, volumes: files })]),
    ...(cache === undefined ? [] : [service(app, 'cache', `good-${cache}`, INTERNAL)]),
    ...(api === undefined ? [] : [service(app, 'api', `good-${api}`, { ...INTERNAL, routed: true })]),
  ];
}

function hostnameOf({ name, host = name }: AppSpec): string {
  if (host === '@') return 'example.com';
  return host.includes('.') ? host : `${host}.example.com`;
}

export function deploymentOf(app: AppSpec): DesiredDeployment {
  const { name, header, suspend = false, internal = false, db, volume = true } = app;
  const main = { prefix: '/', service: app.front ?? 'web', strip: false };
  const api = { prefix: '/api/', service: 'api', strip: true };
  return {
    name,
    hostnames: [hostnameOf(app)],
    routes: [...(app.api === undefined ? [] : [api]), ...(internal ? [] : [main])],
    services: services(app),
    volumes: db !== undefined && volume ? ['data'] : [],
    suspend,
    headers: header === undefined ? {} : { 'X-Version': String(header) },
    maxBody: '100m',
    fingerprint: hash(app),
  };
}

const ADMIN: VhostWant = {
  ...{ key: 'berth-admin', deployment: 'berth-admin', hostnames: ['admin.example.com'] },
  routes: [{ prefix: '/', service: 'admin', strip: false }],
  backends: [{ service: 'admin', instances: [{ key: 'admin', port: 7420 }] }],
  ...{ pinned: [], suspended: false, headers: {}, maxBody: '25m', why: 'leads to the admin' },
};

export function desire(
  apps: readonly AppSpec[],
  stalled: readonly string[] = [],
  admin: boolean = false,
): Desired {
  return {
    commit: hash(apps, stalled).padEnd(40, '0'),
    deployments: apps.filter(({ name }) => !stalled.includes(name)).map(deploymentOf),
    stalled: new Set(stalled),
    problems: [],
    ...(admin && { ownVhosts: [ADMIN] }),
  };
}
