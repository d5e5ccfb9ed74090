/** What of Cloudflare is ours, as the rules of ownership have it, written down once more beside the kinds' own words for it. */
import type { DnsRecord, IngressRule } from '../../controller/clients/cloudflare/types.ts';
import type { Outside } from './world.ts';

/** Where a rule of ours leads to. */
export const SERVICE = 'http://127.0.0.1:8080';

export function isOurRecord({ type, comment }: DnsRecord): boolean {
  return type === 'CNAME' && comment.startsWith('berth:sim/');
}

export function isOurRule({ edge, state }: Outside, rule: IngressRule): boolean {
  const { hostname, path, service } = rule;
  if (hostname === undefined || path !== undefined) return false;
  const named = Object.hasOwn(state.routes, hostname);
  const marked = edge.records.some((record) => record.name === hostname && isOurRecord(record));
  if (service === SERVICE) return named || marked;
  const plain = edge.rules.filter((other) => other.hostname === hostname && other.path === undefined);
  return named && plain[0] === rule && !plain.some((other) => other.service === SERVICE);
}
