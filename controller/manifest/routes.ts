/** `routes` → checked routes, longest prefix first. */
import type { Route } from '../core/types.ts';
import { show } from './findings.ts';
import { didYouMean } from './near.ts';
import type { RawDeployment } from './raw.ts';
import type { Scope } from './scope.ts';

/** `services` are the names that the entry has. Without `routes` the only service gets `/`. */
export function readRoutes(raw: RawDeployment, services: readonly string[], scope: Scope): readonly Route[] {
  if (raw.routes === undefined) {
    const [only] = services;
    if (services.length > 1 && !scope.broken(['routes'])) {
      scope.fail([], `has ${services.length} services; add \`routes\` to say which of them answers on /`);
    }
    return only === undefined ? [] : [{ prefix: '/', service: only, strip: false }];
  }
  const seen = new Map<string, string>();
  const routes: Route[] = [];
  for (const [prefix, target] of Object.entries(raw.routes)) {
    const service = typeof target === 'string' ? target : target.service;
    checkPrefix(prefix, seen, scope);
    if (service === undefined) continue;
    checkService(prefix, service, { services, scope, inMap: typeof target !== 'string' });
    routes.push({ prefix, service, strip: typeof target === 'string' ? false : (target.strip ?? false) });
  }
  return routes.sort((a, b) => b.prefix.length - a.prefix.length || (a.prefix < b.prefix ? -1 : 1));
}

function checkPrefix(prefix: string, seen: Map<string, string>, scope: Scope): void {
  const path = ['routes', prefix];
  if (prefix.includes('//') || prefix.split('/').some((part) => part === '.' || part === '..')) {
    scope.fail(path, 'must not hold //, /./ or /../', 'key');
  }
  const bare = prefix.replace(/\/$/, '');
  const twin = seen.get(bare);
  if (twin !== undefined) scope.fail(path, `means the same as ${twin}; remove one of them`, 'key');
  seen.set(bare, prefix);
}

function checkService(
  prefix: string,
  service: string,
  about: { readonly services: readonly string[]; readonly scope: Scope; readonly inMap: boolean },
): void {
  const { scope } = about;
  if (about.services.includes(service)) return;
  if (scope.broken(['services']) || scope.broken(['services', service])) return;
  const path = about.inMap ? ['routes', prefix, 'service'] : ['routes', prefix];
  const hint = didYouMean(service, about.services) || `; there is ${about.services.join(', ') || 'none'}`;
  scope.fail(path, `names the service ${show(service)}, which this deployment does not have${hint}`);
}
