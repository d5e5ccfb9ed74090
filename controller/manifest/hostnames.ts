/** `subdomain` and `hosts` → the deployment's hostnames, the main one first. */

import type { Path } from './findings.ts';
import { hostnameFault } from './hostname.ts';
import type { RawDeployment } from './raw.ts';
import type { Scope } from './scope.ts';

export interface Hostname {
  readonly hostname: string;
  readonly path: Path;
}

/** A deployment with `routes: {}` has no hostname, and naming one is a fault. */
export function readHostnames(raw: RawDeployment, scope: Scope): readonly Hostname[] {
  const internal =
    raw.routes !== undefined && Object.keys(raw.routes).length === 0 && !scope.broken(['routes']);
  const names = [...fromSubdomain(raw, scope, internal), ...fromHosts(raw)];
  const seen = new Set<string>();
  return names.filter(({ hostname, path }) => {
    const twice = seen.has(hostname) ? `${hostname} is listed twice; remove one` : undefined;
    const nowhere = internal
      ? 'leads nowhere, since `routes` is empty; add a route, or remove this'
      : undefined;
    const fault = nowhere ?? twice ?? hostnameFault(hostname, scope.rules.reservedHosts);
    seen.add(hostname);
    if (fault) scope.fail(path, fault);
    return !fault;
  });
}

function fromSubdomain(raw: RawDeployment, scope: Scope, internal: boolean): readonly Hostname[] {
  if (scope.broken(['subdomain'])) return [];
  if (raw.subdomain === undefined && internal) return [];
  const subdomain = raw.subdomain ?? scope.name;
  const path = raw.subdomain === undefined ? [] : ['subdomain'];
  if (subdomain === '@') return [{ hostname: scope.domain, path }];
  if (subdomain.includes('.')) {
    scope.warn(
      path,
      `${subdomain}.${scope.domain} is two labels deep: a free edge certificate covers only one`,
    );
  }
  return [{ hostname: `${subdomain}.${scope.domain}`, path }];
}

function fromHosts(raw: RawDeployment): readonly Hostname[] {
  return (raw.hosts ?? []).flatMap((hostname, index) =>
    hostname === undefined ? [] : [{ hostname, path: ['hosts', index] }],
  );
}
