/** Small worlds for tables of plans: one deployment `blog`, its version W wanted and an older one, S, serving. */
import { explain } from '../../controller/core/explain.ts';
import { makePlan, type Plan } from '../../controller/core/plan.ts';
import type {
  Action,
  Desired,
  DesiredDeployment,
  DesiredService,
  ImageHave,
  InstanceHave,
  Observed,
  Verdict,
  VhostHave,
} from '../../controller/core/types.ts';
import { createKinds } from '../../controller/kinds/index.ts';
import { renderVhost } from '../../controller/kinds/vhost-text.ts';
import { connect } from '../sim/clients.ts';
import { newOutside } from '../sim/world.ts';

const KINDS = createKinds(
  connect(
    newOutside(),
    async (_label, effect) => effect(),
    () => {},
  ),
);

export const NEW = 'bbbbbbbb';
export const OLD = 'aaaaaaaa';

export const RULES = {
  ports: { first: 3000, last: 3009 },
  ...{ busyPorts: new Set<number>(), nginxPorts: new Set<number>() },
  ...{ drainMs: 30_000, workerShutdownMs: 30_000, keepImages: 3 },
};

export function service(more: Partial<DesiredService> = {}): DesiredService {
  const { name = 'web', routed = true } = more;
  const key = `berth/blog-${name}:new`;
  const from = { kind: 'build', repo: '.', commit: '1a2b3c4d5e', path: '.', build: {} } as const;
  const spec = {
    ...{ image: key, env: {}, routed, volumes: {}, memoryBytes: 1, pids: 1 },
    health: { intervalMs: 1000, timeoutMs: 60_000 },
  };
  const version = { image: { key, deployment: 'blog', service: name, from }, hash: NEW, spec };
  return { name, version, replicas: 1, strategy: 'rolling', needs: [], routed, ...more };
}

export function deployment(more: Partial<DesiredDeployment> = {}): DesiredDeployment {
  return {
    ...{ name: 'blog', hostnames: ['blog.localhost'], services: [service()], volumes: [], suspend: false },
    ...{ headers: {}, maxBody: '100m', fingerprint: '' },
    routes: [{ prefix: '/', service: 'web', strip: false }],
    ...more,
  };
}

export function instance(hash: string, more: Partial<InstanceHave> = {}): InstanceHave {
  const name = more.service ?? 'web';
  return {
    ...{ key: `blog-${name}-${hash}`, deployment: 'blog', service: name, hash },
    ...{ image: `berth/blog-${name}:${hash === NEW ? 'new' : 'old'}`, state: 'running', ready: true },
    ...{ sinceMs: 90_000, healthTimeoutMs: 60_000, restarts: 0, proven: true },
    port: hash === NEW ? 3001 : 3000,
    ...more,
  };
}

export const notYet = { ready: false, proven: false, sinceMs: 5000, detail: 'connection refused' } as const;

export function image(tag: 'new' | 'old', more: Partial<ImageHave> = {}): ImageHave {
  const name = more.service ?? 'web';
  return {
    ...{ key: `berth/blog-${name}:${tag}`, deployment: 'blog', service: name },
    ...{ state: 'ready', createdMs: tag === 'new' ? 2 : 1 },
    ...more,
  };
}

/** The vhost as it was rendered when it led to these. */
export function vhost(
  led: readonly InstanceHave[],
  { of = deployment(), ...more }: Partial<VhostHave> & { readonly of?: DesiredDeployment } = {},
): VhostHave {
  const backends = of.services
    .filter(({ routed }) => routed)
    .map(({ name }) => ({
      service: name,
      instances: led.filter((have) => have.service === name).map(({ key, port = 0 }) => ({ key, port })),
    }));
  const { hostnames, routes, headers, maxBody, suspend: suspended } = of;
  const text = renderVhost(
    {
      key: 'blog',
      deployment: 'blog',
      hostnames,
      routes,
      backends,
      pinned: [],
      suspended,
      headers,
      maxBody,
      why: '',
    },
    { owner: 'sim', http: { host: '127.0.0.1', port: 8080 } },
  );
  const serves = Object.fromEntries(
    backends.map(({ service, instances }) => [service, instances.map(({ key }) => key)]),
  );
  return { key: 'blog', deployment: 'blog', text, serves, liveForMs: 90_000, oldWorkers: false, ...more };
}

export interface Scene {
  /** Undefined: the entry is gone. */
  readonly wants?: DesiredDeployment | undefined;
  readonly images?: readonly ImageHave[];
  readonly instances?: readonly InstanceHave[];
  readonly vhost?: VhostHave | undefined;
  readonly observed?: Partial<Observed>;
  readonly rules?: Partial<typeof RULES>;
}

/** The plan's lines, without those of rows of the port registry, and the verdict. */
export function planned(scene: Scene): { readonly lines: readonly string[]; readonly verdict?: Verdict } {
  const { actions, wanted } = planOf(scene);
  const lines = actions.filter(({ kind }) => kind !== 'port').map(explain);
  const verdict = wanted.verdicts.get('blog');
  return { lines, ...(verdict && { verdict }) };
}

/** The plan's actions as data. */
export function plannedActions(scene: Scene): readonly Action[] {
  return planOf(scene).actions;
}

function planOf(scene: Scene): Plan {
  const { wants, images = [image('new'), image('old')], instances = [], rules } = scene;
  const desired: Desired = {
    ...{ commit: 'c', deployments: wants ? [wants] : [], stalled: new Set<string>(), problems: [] },
  };
  const observed: Observed = {
    image: images,
    network: [{ key: 'berth-blog', deployment: 'blog', subnet: '' }],
    ...{ volume: [], instance: instances, vhost: scene.vhost ? [scene.vhost] : [], logs: [] },
    port: instances.flatMap(({ key, service: name, port }) =>
      port === undefined
        ? []
        : [{ key: String(port), deployment: 'blog', port, service: name, instance: key }],
    ),
    ...scene.observed,
  };
  return makePlan(KINDS, desired, observed, { ...RULES, ...rules });
}
