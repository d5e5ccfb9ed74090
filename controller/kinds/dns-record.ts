/**
 * DNS records: for each public hostname a proxied CNAME to the tunnel, with the owner in its comment. It is made before
 * the hostname's route and removed after it, so that a route's owner can always be told.
 */
import type { DnsRecord, Edge, RecordWant } from '../clients/cloudflare/types.ts';
import { show } from '../clients/nginx/words.ts';
import { removal } from '../core/diff.ts';
import type { Action, Kind, Observed, Wait, Wanted } from '../core/types.ts';
import { applyEach } from './each.ts';
import { type EdgeSeen, edgeSeen, type RecordHave, tunnelAddress } from './edge-seen.ts';
import { markOf, ownedBy } from './mark.ts';
import { heldBy, obstacleTo } from './obstacle.ts';
import { type PublicHost, publicHosts, zoneOf } from './public-hosts.ts';
import type { Publish } from './publish.ts';

/** What a record is to be, and what it was when it was looked at; without the first it goes. */
export interface RecordChange {
  readonly want?: RecordWant;
  readonly was?: DnsRecord;
}

/** How many of them are changed side by side. */
const WIDTH = 6;

/** The kind `dns record`. */
export function dnsRecordKind(
  edge: Pick<Edge, 'view' | 'createRecord' | 'updateRecord' | 'deleteRecord'>,
  publish: Publish,
): Kind<RecordHave, RecordChange> {
  return {
    name: 'dns record',
    observe: async () => observe(edge, publish),
    diff: (wanted, observed) => diff(wanted, observed, publish),
    apply: (actions, signal) =>
      applyEach(actions, { width: WIDTH, signal }, async ({ want: change }) => {
        const { want, was } = change ?? {};
        if (want && was) await edge.updateRecord(was.id, was.comment, want);
        else if (want) await edge.createRecord(want);
        else if (was) await edge.deleteRecord(was);
      }),
  };
}

/** Of several for one hostname, which a lost answer may have left, one that leads to the tunnel is the one to keep. */
function observe(edge: Pick<Edge, 'view'>, { owner }: Publish): readonly RecordHave[] {
  const { records, tunnel } = edge.view();
  const right = ({ content, proxied }: DnsRecord): boolean =>
    proxied && tunnel !== undefined && content === tunnelAddress(tunnel.id);
  const kept = new Map<string, DnsRecord>();
  for (const record of records) {
    if (ownedBy(record, owner) === undefined) continue;
    const other = kept.get(record.name);
    const better =
      !other || (right(record) === right(other) ? record.id < other.id : right(record) && !right(other));
    if (better) kept.set(record.name, record);
  }
  return records.map((record) => {
    const deployment = ownedBy(record, owner) ?? '';
    const key = kept.get(record.name) === record ? record.name : `${record.name}#${record.id}`;
    return { key, deployment, record };
  });
}

function diff(wanted: Wanted, observed: Observed, publish: Publish): readonly Action<RecordChange>[] {
  const seen = edgeSeen(observed);
  if (!seen) return [];
  const hosts = publicHosts(wanted);
  const names = new Set(hosts.map(({ hostname }) => hostname));
  const makes = hosts.flatMap((host) => make(host, seen, wanted, publish));
  const ours = (observed['dns record'] as readonly RecordHave[]).filter(
    ({ deployment }) => deployment !== '',
  );
  const removals = ours
    .filter(({ key }) => !names.has(key))
    .flatMap((have) =>
      removal('dns record', have, wanted).map((action) => ({
        ...action,
        ...(names.has(have.record.name) && { why: `there is another record of ${have.record.name}` }),
        want: { was: have.record },
      })),
    );
  return [...makes, ...removals];
}

function make(
  host: PublicHost,
  seen: EdgeSeen,
  wanted: Wanted,
  { owner }: Publish,
): readonly Action<RecordChange>[] {
  const { hostname, deployment } = host;
  const base = { kind: 'dns record', key: hostname, deployment };
  const have = seen.recordsOf(hostname).find(({ key }) => key === hostname);
  const zone = zoneOf(hostname, seen.zones)?.id ?? '';
  const content = tunnelAddress(seen.tunnelId ?? '');
  const want: RecordWant = { zone, name: hostname, content, comment: markOf({ owner, deployment }) };
  if (!have) {
    // A row of its route is written after the record is there, and goes before it.
    const lost = seen.routesOf(hostname).some(({ recorded }) => recorded);
    const why = lost ? 'it was removed by hand' : 'leads to the tunnel';
    return [{ ...base, verb: 'create', why, want: { want }, ...waiting(obstacleTo(host, seen, owner)) }];
  }
  const why = differences(want, have);
  if (why === '') return [];
  const tunnelFirst = seen.tunnelId === undefined ? { why: 'the tunnel is made first' } : undefined;
  const wait = heldBy(have, deployment, wanted) ?? tunnelFirst;
  const change = { want: { ...want, zone: have.record.zone }, was: have.record };
  return [{ ...base, verb: 'update', why, want: change, ...waiting(wait) }];
}

function differences(want: RecordWant, { record, deployment }: RecordHave): string {
  return [
    record.comment === want.comment ? [] : [`it was of ${deployment}`],
    record.content === want.content ? [] : [`it leads to ${show(record.content)}, not to the tunnel`],
    record.proxied ? [] : ['its proxy is off'],
  ]
    .flat()
    .join(', ');
}

function waiting(wait: Wait | undefined): { readonly wait?: Wait } {
  return wait ? { wait } : {};
}
