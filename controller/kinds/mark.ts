/**
 * Whose a DNS record is: its comment says so, as `berth:<owner>/<deployment>`. At its longest that is 87 characters, and
 * a free plan of Cloudflare has room for 100.
 */
import type { DnsRecord } from '../clients/cloudflare/types.ts';
import { isInherited } from '../manifest/names.ts';

export interface Mark {
  readonly owner: string;
  readonly deployment: string;
}

const MARK = /^berth:([a-z0-9-]{1,40})\/([a-z0-9-]{1,40})$/;

/** The comment of a record of ours. */
export function markOf({ owner, deployment }: Mark): string {
  return `berth:${owner}/${deployment}`;
}

/** What a comment says; undefined for any that no Berth wrote. */
export function readMark(comment: string): Mark | undefined {
  const [, owner, deployment] = MARK.exec(comment) ?? [];
  if (owner === undefined || deployment === undefined || isInherited(deployment)) return undefined;
  return { owner, deployment };
}

/** The deployment that a record is ours for. Only a CNAME can be: Berth makes nothing else, whatever a comment says. */
export function ownedBy({ type, comment }: DnsRecord, owner: string): string | undefined {
  const mark = readMark(comment);
  return type === 'CNAME' && mark?.owner === owner ? mark.deployment : undefined;
}
