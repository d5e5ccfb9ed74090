/** What was seen at Cloudflare. Its kinds stand on one another: a record needs the tunnel's id, a route its record. */
import type { DnsRecord, IngressRule, Zone } from '../clients/cloudflare/types.ts';
import type { Observed, Resource } from '../core/types.ts';

/** What the token can reach; always exactly one, under no deployment. */
export interface TunnelHave extends Resource {
  /** Absent until the tunnel is made. */
  readonly id?: string;
  readonly zones: readonly Zone[];
}

/** A record. Ours has its hostname as key, a surplus one `hostname#id`; a foreign one is under no deployment. */
export interface RecordHave extends Resource {
  readonly record: DnsRecord;
}

/** A rule of the tunnel for one hostname. Ours has that as key; a foreign one is under no deployment. */
export interface RouteHave extends Resource {
  readonly hostname: string;
  /** Absent where only its row in the state file is there. */
  readonly rule?: IngressRule;
  /** How many of ours there are for this hostname. */
  readonly copies: number;
  /** Whether the state file has a row of it. */
  readonly recorded: boolean;
  /** A rule before it that takes its visitors. */
  readonly caughtBy?: IngressRule;
}

export interface EdgeSeen {
  readonly tunnelId: string | undefined;
  readonly zones: readonly Zone[];
  recordsOf(hostname: string): readonly RecordHave[];
  routesOf(hostname: string): readonly RouteHave[];
}

/** Undefined unless all of it is certain. */
export function edgeSeen(observed: Observed): EdgeSeen | undefined {
  const tunnels = certain<TunnelHave>(observed, 'tunnel');
  const records = certain<RecordHave>(observed, 'dns record');
  const routes = certain<RouteHave>(observed, 'tunnel route');
  const account = tunnels?.[0];
  if (!account || !records || !routes) return undefined;
  const recordsBy = groupBy(records, ({ record }) => record.name);
  const routesBy = groupBy(routes, ({ hostname }) => hostname);
  return {
    tunnelId: account.id,
    zones: account.zones,
    recordsOf: (hostname) => recordsBy.get(hostname) ?? [],
    routesOf: (hostname) => routesBy.get(hostname) ?? [],
  };
}

function certain<Have extends Resource>(observed: Observed, kind: string): readonly Have[] | undefined {
  const seen = observed[kind];
  return seen === undefined || 'uncertain' in seen ? undefined : (seen as readonly Have[]);
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

/** Where a DNS record leads that leads to a tunnel. */
export function tunnelAddress(id: string): string {
  return `${id}.cfargotunnel.com`;
}
