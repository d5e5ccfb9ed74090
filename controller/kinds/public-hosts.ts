/** Which hostnames are to be found on the internet, and the zone of each. */
import type { Zone } from '../clients/cloudflare/types.ts';
import type { Wanted } from '../core/types.ts';

export interface PublicHost {
  readonly hostname: string;
  readonly deployment: string;
}

/** Names that mean this machine or this house wherever they are looked up (RFC 6761, RFC 6762): no DNS has them. */
const AT_HOME = /(^|\.)(localhost|local|test)$/;

/** Whether a hostname may be looked up by anyone. */
export function isPublic(hostname: string): boolean {
  return !AT_HOME.test(hostname);
}

/** Hostnames of all vhosts, each once; those that only this machine knows are left out. */
export function publicHosts({ vhosts }: Wanted): readonly PublicHost[] {
  const byName = new Map<string, PublicHost>();
  for (const { hostnames, deployment } of vhosts)
    for (const hostname of hostnames)
      if (isPublic(hostname) && !byName.has(hostname)) byName.set(hostname, { hostname, deployment });
  return [...byName.values()];
}

/** The zone that a hostname lies in, the longest of several; undefined where there is none. */
export function zoneOf(hostname: string, zones: readonly Zone[]): Zone | undefined {
  return zones
    .filter(({ name }) => hostname === name || hostname.endsWith(`.${name}`))
    .sort((a, b) => b.name.length - a.name.length)[0];
}
