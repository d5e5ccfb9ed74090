import type { DnsRecord } from './types.ts';

/** What a domain's own name can't have beside a CNAME; mail's records and others may be there, for Cloudflare answers it as addresses. */
const ADDRESSES = new Set(['A', 'AAAA', 'CNAME']);

/** Does this record keep us from a CNAME on its name? Any does (RFC 1034, 3.6.2), but for those on the domain itself. Pure. */
export function isInTheWay({ type, name }: Pick<DnsRecord, 'type' | 'name'>, zoneName: string): boolean {
  return name !== zoneName || ADDRESSES.has(type);
}
