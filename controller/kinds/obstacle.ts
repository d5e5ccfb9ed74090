/**
 * What keeps a hostname from being ours at Cloudflare, as a sentence: whose it is, and what to do. It is a wait and no
 * error, so it ends by itself when the obstacle goes.
 */
import { isInTheWay } from '../clients/cloudflare/in-the-way.ts';
import type { DnsRecord, IngressRule, Zone } from '../clients/cloudflare/types.ts';
import { show } from '../clients/nginx/words.ts';
import type { Resource, Wait, Wanted } from '../core/types.ts';
import { type EdgeSeen, tunnelAddress } from './edge-seen.ts';
import { markOf, readMark } from './mark.ts';
import { type PublicHost, zoneOf } from './public-hosts.ts';

const SHOWN = 3;

/** Why neither a record nor a route of this hostname may be made now; undefined when both may. */
export function obstacleTo(host: PublicHost, seen: EdgeSeen, owner: string): Wait | undefined {
  const { hostname } = host;
  const zone = zoneOf(hostname, seen.zones);
  if (!zone) return forPerson(inNoZone(hostname, seen.zones));
  const records = seen.recordsOf(hostname);
  const ours = records.some(({ deployment }) => deployment !== '');
  const inTheWay = records.map(({ record }) => record).filter((record) => isInTheWay(record, zone.name));
  if (!ours && inTheWay.length > 0) return forPerson(hasRecords(host, inTheWay, seen.tunnelId, owner));
  const routes = seen.routesOf(hostname);
  const rule = routes.find(({ deployment }) => deployment === '')?.rule;
  if (rule && !routes.some((route) => route.deployment !== '' && route.rule))
    return forPerson(hasRule(hostname, rule));
  return seen.tunnelId === undefined ? { why: 'the tunnel is made first' } : undefined;
}

/** A deployment whose entry is wrong keeps what it has, even where another entry asks for it. */
export function heldBy(have: Resource, deployment: string, wanted: Wanted): Wait | undefined {
  const why = have.deployment === deployment ? undefined : wanted.frozen.get(have.deployment);
  return why === undefined ? undefined : forPerson(`${have.deployment} has ${have.key} and keeps it: ${why}`);
}

/** A foreign rule of the hostname stands before ours. */
export function shadowedBy(hostname: string, rule: IngressRule): Wait {
  return forPerson(hasRule(hostname, rule));
}

/** A rule as it may stand in a sentence. */
export function ruleText({ hostname = '', path, service }: IngressRule): string {
  const bare = service.replace(/\/\/[^/@]*@/, '//');
  return `for ${hostname === '' ? 'every hostname' : hostname}${path ? ` (path ${show(path)})` : ''} that leads to ${show(bare)}`;
}

function forPerson(why: string): Wait {
  return { why, forPerson: true };
}

function inNoZone(hostname: string, zones: readonly Zone[]): string {
  const names = zones.map(({ name }) => name).sort();
  const there = names.length === 0 ? 'has none' : `has ${names.join(', ')}`;
  return `${hostname} is in no zone of the Cloudflare account, which ${there}: add the domain to Cloudflare, or correct \`domain\` or \`hosts\``;
}

function hasRecords(
  { hostname, deployment }: PublicHost,
  records: readonly DnsRecord[],
  tunnelId: string | undefined,
  owner: string,
): string {
  const [first] = records;
  const mark = readMark(first?.comment ?? '');
  if (mark && mark.owner !== owner)
    return `${hostname} belongs to ${mark.deployment} of another Berth, whose owner is ${mark.owner}: remove it there, or choose another hostname`;
  const own = tunnelId !== undefined && first?.type === 'CNAME' && first.content === tunnelAddress(tunnelId);
  if (own)
    return `${hostname} leads to this tunnel by a record that is not marked as ours: give it the comment ${markOf({ owner, deployment })} to hand it over, or remove it`;
  const shown = records.slice(0, SHOWN).map(({ type, content }) => `${type} ${show(content)}`);
  const more = records.length > SHOWN ? ` and ${records.length - SHOWN} more` : '';
  return `${hostname} has a record that is not ours, ${shown.join(', ')}${more}: remove it at Cloudflare, or choose another hostname`;
}

function hasRule(hostname: string, rule: IngressRule): string {
  return `the tunnel has a rule ${ruleText(rule)} and is not ours: remove it at Cloudflare, or choose another hostname than ${hostname}`;
}
