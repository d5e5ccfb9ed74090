import type { Context, Draft } from './draft.ts';
import type { InstanceWant, Verdict, VhostWant } from './types.ts';

/** What was decided about the services of a deployment. */
export interface ServicesDecided {
  /** Service to the keys of the instances that its visitors are led to. */
  readonly serve: ReadonlyMap<string, readonly string[]>;
  readonly verdicts: readonly Verdict[];
  readonly wants: readonly InstanceWant[];
}

/** The vhost of a deployment that has a route or a pinned port: where each service's visitors are led now. */
export function addVhost(
  draft: Draft,
  { deployment, seen, rules }: Context,
  { serve, verdicts, wants }: ServicesDecided,
): void {
  const pinned = deployment.services.flatMap(({ name, routed, pinnedPort }) =>
    routed && pinnedPort !== undefined && !rules.busyPorts.has(pinnedPort)
      ? [{ port: pinnedPort, service: name }]
      : [],
  );
  if (deployment.routes.length === 0 && pinned.length === 0) return;
  const portOf = new Map(seen.port.map((row) => [row.instance, row.port] as const));
  for (const have of seen.instance) if (have.port !== undefined) portOf.set(have.key, have.port);
  for (const want of wants) if (want.port !== undefined) portOf.set(want.key, want.port);
  const backends = deployment.services
    .filter(({ routed }) => routed)
    .map(({ name }) => ({
      service: name,
      instances: (serve.get(name) ?? []).flatMap((key) => {
        const port = portOf.get(key);
        return port === undefined ? [] : [{ key, port }];
      }),
    }));
  const want: VhostWant = {
    key: deployment.name,
    deployment: deployment.name,
    hostnames: deployment.hostnames,
    routes: deployment.routes,
    backends,
    pinned,
    suspended: deployment.suspend,
    headers: deployment.headers,
    maxBody: deployment.maxBody,
    why: deployment.suspend ? 'shows the stopped page' : leadsTo(backends, verdicts),
    ...(deployment.timeoutMs !== undefined && { timeoutMs: deployment.timeoutMs }),
  };
  draft.vhosts.push(want);
}

function leadsTo(backends: VhostWant['backends'], verdicts: readonly Verdict[]): string {
  const keys = backends.flatMap(({ instances }) => instances.map(({ key }) => key));
  if (keys.length > 0) return `leads to ${keys.join(', ')}`;
  return verdicts.some(({ status }) => status === 'failed') ? 'nothing answers' : 'shows the deploying page';
}
