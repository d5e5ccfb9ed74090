/** One entry of `deployments` → a checked `DeploymentEntry`, and the hostnames that it claims even when it is wrong. */
import type { Path } from './findings.ts';
import { readHeaders } from './headers.ts';
import { type Hostname, readHostnames } from './hostnames.ts';
import { readDuration } from './limits.ts';
import { isInherited, nameFault } from './names.ts';
import { findCircle } from './needs.ts';
import type { RawDeployment, RawService } from './raw.ts';
import { readRoutes } from './routes.ts';
import type { Scope } from './scope.ts';
import { readService } from './service.ts';
import type { DeploymentEntry, ServiceEntry } from './types.ts';

export interface ReadDeployment {
  readonly entry: DeploymentEntry;
  readonly hostnames: readonly Hostname[];
  /** Where each service's fields stand below the deployment. */
  readonly at: ReadonlyMap<string, Path>;
}

/** The one service of an entry that has no `services`. */
const ONLY_SERVICE = 'web';
/** What may stand on a deployment; anything else there is a field of its only service. */
const DEPLOYMENT_FIELDS: readonly string[] = [
  'subdomain',
  'hosts',
  'services',
  'routes',
  'suspend',
  'headers',
  'maxBody',
  'timeout',
];

/** Reports to the scope and goes on; the entry counts only if nothing was reported. */
export function readDeployment(raw: RawDeployment, scope: Scope): ReadDeployment {
  const fault = nameFault(scope.name);
  if (fault) scope.fail([], fault, 'key');
  const written = writtenServices(raw, scope);
  const siblings = [...written.keys()];
  const routes = readRoutes(raw, siblings, scope);
  const hostnames = readHostnames(raw, scope);
  const at = new Map(siblings.map((name): [string, Path] => [name, raw.services ? ['services', name] : []]));
  const services = [...written].map(([name, fields]) => {
    const routed = routes.some((route) => route.service === name);
    return readService(fields, { name, at: at.get(name) ?? [], routed, siblings }, scope);
  });
  checkTogether(services, at, scope);
  const entry: DeploymentEntry = {
    name: scope.name,
    hostnames: hostnames.map(({ hostname }) => hostname),
    services,
    routes,
    suspend: raw.suspend ?? false,
    headers: readHeaders(raw.headers ?? {}, scope),
    maxBody: raw.maxBody ?? '100m',
    ...readTimeout(raw, scope),
  };
  return { entry, hostnames, at };
}

function writtenServices(raw: RawDeployment, scope: Scope): ReadonlyMap<string, RawService> {
  if (raw.services === undefined) return new Map(scope.broken(['services']) ? [] : [[ONLY_SERVICE, raw]]);
  for (const field of Object.keys(raw)) {
    if (DEPLOYMENT_FIELDS.includes(field)) continue;
    scope.fail([field], 'belongs to a service; move it below `services`', 'key');
  }
  for (const name of Object.keys(raw.services)) {
    if (isInherited(name))
      scope.fail(['services', name], `must not be called ${name}; choose another name`, 'key');
  }
  return new Map(Object.entries(raw.services));
}

function checkTogether(services: readonly ServiceEntry[], at: ReadonlyMap<string, Path>, scope: Scope): void {
  const circle = findCircle(services);
  if (circle && circle.length > 1) {
    const path = [...(at.get(circle[0] ?? '') ?? []), 'needs'];
    scope.fail(
      path,
      `waits in a circle (${[...circle, circle[0]].join(' → ')}); remove one of the needs`,
      'key',
    );
  }
  for (const { name, volumes, replicas } of services) {
    if (replicas < 2 || Object.keys(volumes).length === 0) continue;
    scope.warn([...(at.get(name) ?? []), 'replicas'], `${replicas} instances share the same volumes`);
  }
}

function readTimeout(raw: RawDeployment, scope: Scope): { timeoutMs?: number } {
  if (raw.timeout === undefined) return {};
  return { timeoutMs: readDuration(raw.timeout, ['timeout'], { scope, least: '1s', most: '24h' }) };
}
