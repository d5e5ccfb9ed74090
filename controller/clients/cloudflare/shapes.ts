/** What the API says → what we know of it, or NonsenseError. Nothing of an answer is believed before it was here. */
import { NonsenseError } from './errors.ts';
import type { DnsRecord, IngressRule, Tunnel, Zone } from './types.ts';

export interface ZoneRow extends Zone {
  readonly account: { readonly id: string; readonly name: string };
}

export interface TunnelRow extends Tunnel {
  /** Its document is at Cloudflare, and not a file on some machine. */
  readonly remote: boolean;
  readonly deleted: boolean;
}

/** The one document that holds the rules of a tunnel. */
export interface TunnelDocument {
  readonly version: number;
  /** Every member of it, whether we know it or not; null for a new tunnel. */
  readonly config: Readonly<Record<string, unknown>> | null;
}

type Members = Readonly<Record<string, unknown>>;

function members(value: unknown, what: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new NonsenseError(`${what} is no object`);
  return value as Members;
}

/** Ids go into paths of later calls. */
function id(value: unknown, what: string): string {
  if (typeof value === 'string' && /^[\w-]{1,64}$/.test(value)) return value;
  throw new NonsenseError(`${what} has no id`);
}

function text(value: unknown, what: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new NonsenseError(`${what} is missing`);
}

/** An account of `GET /accounts`, or of a zone. */
export function accountOf(value: unknown): { readonly id: string; readonly name: string } {
  const { id: account, name } = members(value, 'the account');
  return { id: id(account, 'an account'), name: typeof name === 'string' ? name : '' };
}

/** A zone of `GET /zones`. */
export function zoneOf(value: unknown): ZoneRow {
  const { id: zone, name, account } = members(value, 'a zone');
  return {
    id: id(zone, 'a zone'),
    name: text(name, "a zone's name").toLowerCase(),
    account: accountOf(account),
  };
}

/** A record of this zone. */
export function recordOf(zone: string): (value: unknown) => DnsRecord {
  return (value) => {
    const { id: record, type, name, content, proxied, comment } = members(value, 'a record');
    for (const [field, usual] of [
      [content, 'string'],
      [proxied, 'boolean'],
      [comment, 'string'],
    ] as const)
      if (field !== undefined && field !== null && typeof field !== usual)
        throw new NonsenseError(`a record has a member that is no ${usual}`);
    return {
      id: id(record, 'a record'),
      zone,
      type: text(type, "a record's type"),
      name: text(name, "a record's name").toLowerCase(),
      content: typeof content === 'string' ? content : '',
      proxied: proxied === true,
      comment: typeof comment === 'string' ? comment : '',
    };
  };
}

/** A tunnel; `remote_config` is what older answers say in place of `config_src`. */
export function tunnelOf(value: unknown): TunnelRow {
  const row = members(value, 'a tunnel');
  const { config_src: source, remote_config: remote, deleted_at: deletedAt } = row;
  return {
    id: id(row.id, 'a tunnel'),
    name: text(row.name, "a tunnel's name"),
    remote: source === undefined ? remote !== false : source === 'cloudflare',
    deleted: typeof deletedAt === 'string' && !deletedAt.startsWith('0001-01-01'),
  };
}

/** The document of this tunnel, whole or not at all: it is written back as it was read. */
export function documentOf(tunnel: string): (value: unknown) => TunnelDocument {
  return (value) => {
    const row = members(value, "the tunnel's document");
    if (row.tunnel_id !== undefined && row.tunnel_id !== tunnel)
      throw new NonsenseError('it is the document of another tunnel');
    const version = row.version ?? 0;
    if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 0)
      throw new NonsenseError("the document's version is no number");
    if (row.config === undefined || row.config === null) return { version, config: null };
    const config = members(row.config, "the tunnel's document");
    for (const rule of ingressOf(config)) checkRule(rule);
    if (!isExact(config)) throw new NonsenseError('the document holds a number that JSON here would round');
    return { version, config };
  };
}

/** Its rules, the catch-all among them. */
export function ingressOf(config: Members | null): readonly IngressRule[] {
  const ingress = config?.ingress ?? [];
  if (!Array.isArray(ingress)) throw new NonsenseError("the document's ingress is no list");
  return ingress;
}

function checkRule(rule: unknown): void {
  const { hostname, path, service } = members(rule, 'a rule');
  text(service, "a rule's service");
  for (const field of [hostname, path])
    if (field !== undefined && typeof field !== 'string')
      throw new NonsenseError('a rule has a hostname or path that is no text');
}

function isExact(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isInteger(value) || Number.isSafeInteger(value);
  if (typeof value !== 'object' || value === null) return true;
  return Object.values(value).every(isExact);
}
