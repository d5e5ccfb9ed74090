/** What the stand-in for Cloudflare's API remembers, and the answers that all of its parts share. */
import { randomBytes, randomUUID } from 'node:crypto';

export interface Account {
  readonly id: string;
  readonly name: string;
}

export interface ZoneRow {
  readonly id: string;
  readonly name: string;
  readonly account: string;
}

/** A record as the API tells it, all of its members. */
export interface RecordRow {
  readonly id: string;
  readonly zone: string;
  readonly type: string;
  readonly name: string;
  readonly content: string;
  readonly proxied: boolean;
  readonly ttl: number;
  readonly comment: string | null;
  readonly [member: string]: unknown;
}

export interface TunnelRow {
  readonly id: string;
  readonly account: string;
  name: string;
  readonly configSrc: 'cloudflare' | 'local';
  readonly secret: string;
  deleted: boolean;
  connections: number;
  version: number;
  /** JSON of `config`, as it was put; `null` until then. */
  document: string;
}

/** What a token may do, in the words of Cloudflare's token page. Edit holds Read. */
export type Permission =
  | 'Zone:Read'
  | 'DNS:Read'
  | 'DNS:Edit'
  | 'Cloudflare Tunnel:Read'
  | 'Cloudflare Tunnel:Edit'
  | 'Account Settings:Read';

export const ALL_PERMISSIONS: readonly Permission[] = ['Zone:Read', 'DNS:Edit', 'Cloudflare Tunnel:Edit'];

export interface CloudState {
  readonly accounts: Account[];
  readonly zones: ZoneRow[];
  records: RecordRow[];
  readonly tunnels: TunnelRow[];
  readonly permissions: Set<Permission>;
  /** Every change that was made through the API, in order, such as `POST dns_record CNAME blog.example.com`. */
  readonly changes: string[];
  /** The limit of records of a zone (the free plan's real one is 200 for newer zones). */
  quota: number;
}

/** One call, parsed. */
export interface Call {
  readonly method: string;
  /** Below `/client/v4`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

export const hexId = (): string => randomBytes(16).toString('hex');
export const uuid = (): string => randomUUID();

/** The usual envelope. */
export function success(result: unknown, more: object = {}): Reply {
  return { status: 200, body: { result, success: true, errors: [], messages: [], ...more } };
}

/** An error as the API tells it; `chain` is what Cloudflare calls `error_chain`. */
export function failure(
  status: number,
  code: number,
  message: string,
  chain: readonly { readonly code: number; readonly message: string }[] = [],
): Reply {
  const error = { code, message, ...(chain.length > 0 && { error_chain: chain }) };
  return { status, body: { result: null, success: false, errors: [error], messages: [] } };
}

export interface PageLimits {
  readonly min: number;
  readonly max: number;
  readonly usual: number;
}

/** One page of rows; a page past the end is empty. */
export function page(rows: readonly unknown[], query: URLSearchParams, limits: PageLimits): Reply {
  const number = Number(query.get('page') ?? 1);
  const size = Number(query.get('per_page') ?? limits.usual);
  if (!Number.isInteger(number) || number < 1) return failure(400, 1004, 'page must be at least 1');
  if (!Number.isInteger(size) || size < limits.min || size > limits.max)
    return failure(400, 1004, `per_page must be between ${limits.min} and ${limits.max}`);
  const some = rows.slice((number - 1) * size, number * size);
  const info = {
    page: number,
    per_page: size,
    count: some.length,
    total_count: rows.length,
    total_pages: Math.ceil(rows.length / size),
  };
  return success(some, { result_info: info });
}

/** May the token do this? Otherwise what the API answers then. */
export function allowed(state: CloudState, permission: Permission): Reply | undefined {
  const edit = permission.replace(':Read', ':Edit') as Permission;
  if (state.permissions.has(permission) || state.permissions.has(edit)) return undefined;
  return permission === 'Zone:Read'
    ? failure(
        403,
        0,
        "Actor 'com.cloudflare.api.token.x' requires permission 'com.cloudflare.api.account.zone.list' to list zones",
      )
    : failure(403, 10000, 'Authentication error');
}

export const NO_ROUTE = (path: string): Reply =>
  failure(404, 7003, `Could not route to /client/v4${path}, perhaps your object identifier is invalid?`, [
    { code: 7000, message: 'No route for that URI' },
  ]);

/** Members of a body that is an object. */
export function membersOf(body: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof body === 'object' && body !== null && !Array.isArray(body)
    ? (body as Record<string, unknown>)
    : undefined;
}
