/** Desired worlds for the small world, from a few letters. */
import { createHash } from 'node:crypto';
import type { Desired, DesiredDeployment, DesiredService } from '../../controller/core/types.ts';
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
  readonly header?: number;
  readonly suspend?: boolean;
}

function hash(...parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 8);
}

function service(
  app: AppSpec,
  name: string,
  image: string,
  rest: Pick<DesiredService, 'replicas' | 'strategy' | 'needs' | 'routed'> & {
    readonly volumes: Record<string, string>;
  },
): DesiredService {
  const { volumes, ...options } = rest;
  const key = `berth/${app.name}-${name}:${image}`;
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
    repo: 'https://example.com/r',
    commit: hash(image),
    path: '.',
    build: {},
  };
  return {
    name,
    ...options,
    version: {
      image: { key, deployment: app.name, service: name, from },
      hash: hash(key, app.strategy),
      spec,
    },
  };
}

export function deploymentOf(app: AppSpec): DesiredDeployment {
  const {
    name,
    version,
    behaviour,
    replicas = 1,
    strategy = 'rolling',
    pinned,
    db,
    header,
    suspend = false,
  } = app;
  const web = service(app, 'web', `${behaviour}-${version}`, {
    replicas,
    strategy,
    needs: db === undefined ? [] : ['db'],
    routed: true,
    volumes: {},
  });
  const data = {
    replicas: 1,
    strategy: 'recreate' as const,
    needs: [],
    routed: false,
    volumes: { [`berth-${name}-data`]: '/data' },
  };
  const services = [
    { ...web, ...(pinned && { pinnedPort: 4000 + name.charCodeAt(0) }) },
    ...(db === undefined ? [] : [service(app, 'db', `good-${db}`, data)]),
  ];
  return {
    name,
    hostnames: [`${name}.example.com`],
    routes: [{ prefix: '/', service: 'web', strip: false }],
    services,
    volumes: db === undefined ? [] : ['data'],
    suspend,
    headers: header === undefined ? {} : { 'X-Version': String(header) },
    maxBody: '100m',
    fingerprint: hash(app),
  };
}

export function desire(apps: readonly AppSpec[], stalled: readonly string[] = []): Desired {
  return {
    commit: hash(apps, stalled).padEnd(40, '0'),
    deployments: apps.filter(({ name }) => !stalled.includes(name)).map(deploymentOf),
    stalled: new Set(stalled),
    problems: [],
  };
}
