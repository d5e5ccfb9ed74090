/**
 * A stand-in for Cloudflare's API: a real HTTP server on 127.0.0.1 that keeps accounts, zones, DNS records, tunnels and
 * their documents, checks what it is given, counts every call, and misbehaves on demand.
 *
 * Checked against Cloudflare's published reference (stored copies of developers.cloudflare.com, the types of its package)
 * and answers quoted in public issue threads: paths, parameters and members of records, tunnels, documents and zones;
 * `success`, `errors`, `result_info`, `is_deleted`; that A and AAAA exclude CNAME, that NS excludes all, and that TXT
 * beside CNAME is taken; a new tunnel's `config: null` with version 0; the words of 81044, 81053, 81054, 81057 (seen of
 * late as 81058, "An identical record already exists."), 1013, of the rule that must match all, 6003 with 6111, 7003 with
 * 7000, 10000 with status 403 for a missing permission, 1001 of `/accounts` for a token that an account owns; the message
 * of a valid token; 1,200 calls in five minutes.
 * From memory, not checked: the codes 1056, 1003, 1022, 9106, 9109, 1000, 971, 81045, 81056 and 1004 with its chain, the
 * sentence about `zone.list`, statuses but 200, 400, 403 and 429, the limits of `per_page` (DNS 5,000,000, zones and
 * accounts 5-50, tunnels 1,000), that a deleted tunnel's document is 404 and that each write counts its version up by one.
 * Stricter than the API may be: unknown members of a record or a tunnel are refused, as is `per_page` beyond its limits.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Fault, type Match, misbehave, plans } from './cloudflare-faults.ts';
import { recordRow } from './cloudflare-records.ts';
import { answer, PREFIX } from './cloudflare-routes.ts';
import {
  ALL_PERMISSIONS,
  type Call,
  type CloudState,
  hexId,
  type Permission,
  type RecordRow,
  type Reply,
  type TunnelRow,
  type ZoneRow,
} from './cloudflare-state.ts';
import { connectorTokenOf, tunnelRow } from './cloudflare-tunnels.ts';

export type { Fault, Match } from './cloudflare-faults.ts';
export type { Call, Permission, RecordRow } from './cloudflare-state.ts';

/** A call that came, with the status that was sent (0: none). */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly status: number;
  readonly authorization: string;
}

export interface CloudflareStandIn {
  /** For `CLOUDFLARE_BASE_URL`. */
  readonly url: string;
  /** For `CLOUDFLARE_API_TOKEN`. */
  readonly token: string;
  /** Id of the first account. */
  readonly account: string;
  readonly state: CloudState;
  readonly calls: Asked[];
  /** The changes made through the API, in order: `POST dns_record CNAME blog.example.com`, `PUT configurations …`. */
  readonly changes: readonly string[];
  /** Nobody gave it out, or it was taken back. */
  revoked: boolean;
  /** An account owns the token: `/user/tokens/verify` and `/accounts` refuse it. */
  accountOwned: boolean;
  permit(...permissions: readonly Permission[]): void;
  addAccount(name: string): string;
  addZone(name: string, account?: string): string;
  /** As if by hand: unchecked and not among the changes. Its zone is told by its name. */
  addRecord(members: { readonly name: string; readonly [member: string]: unknown }): string;
  editRecord(id: string, members: Readonly<Record<string, unknown>>): void;
  removeRecord(id: string): void;
  /** Records of a name, or all. */
  records(name?: string): readonly RecordRow[];
  addTunnel(name: string, document?: unknown, more?: Partial<TunnelRow>): string;
  deleteTunnel(id: string): void;
  /** As the dashboard does it: replaces the document, one version up. */
  setDocument(tunnel: string, document: unknown): void;
  /** JSON of the document, for comparison byte by byte. */
  document(tunnel: string): string;
  ingress(tunnel: string): readonly Readonly<Record<string, unknown>>[];
  connectorToken(tunnel: string): string;
  /** The next calls that match get this. */
  fail(match: Match, fault: Fault, times?: number): void;
  /** Somebody else acts just before, or just after, the next call that matches is carried out. */
  before(match: Match, act: () => void, times?: number): void;
  after(match: Match, act: () => void, times?: number): void;
  mend(): void;
  /** Calls that came, such as `PUT /accounts/…`, that match. */
  count(match: RegExp): number;
  close(): Promise<void>;
}

/** Up with one account and whatever zones are asked for; the token may do everything that Berth needs. */
export async function startCloudflare({ zones = [] as readonly string[] } = {}): Promise<CloudflareStandIn> {
  const faults = plans<Fault>();
  const earlier = plans<() => void>();
  const later = plans<() => void>();
  const state: CloudState = {
    accounts: [{ id: hexId(), name: 'Home' }],
    ...{ zones: [], records: [], tunnels: [], changes: [], quota: 200 },
    permissions: new Set(ALL_PERMISSIONS),
  };
  const http = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const account = state.accounts[0]?.id ?? '';

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://x');
    const text = await textOf(request).catch(() => '');
    const path = url.pathname.replace(PREFIX, '');
    const call: Call = { method: request.method ?? '', path, query: url.searchParams, body: parsed(text) };
    const authorization = request.headers.authorization ?? '';
    const handle = (): Reply => {
      earlier.take(call)?.();
      const reply = answer(api, call, { authorization, pathname: url.pathname });
      later.take(call)?.();
      return reply;
    };
    const fault = faults.take(call) ?? { spoil: (body: unknown) => body };
    const status = misbehave(fault, response, handle);
    api.calls.push({ method: call.method, path, query: url.search.slice(1), status, authorization });
  };

  const tunnelOf = (id: string): TunnelRow => {
    const row = state.tunnels.find((tunnel) => tunnel.id === id);
    if (!row) throw new Error(`no tunnel ${id}`);
    return row;
  };
  const zoneFor = (name: string): ZoneRow => {
    const zone = state.zones.find((one) => name === one.name || name.endsWith(`.${one.name}`));
    if (!zone) throw new Error(`no zone for ${name}`);
    return zone;
  };
  const api: CloudflareStandIn = {
    url: `http://127.0.0.1:${port}${PREFIX}`,
    token: `cf-token-${hexId()}`,
    ...{ account, state, calls: [], changes: state.changes, revoked: false, accountOwned: false },
    permit(...permissions) {
      state.permissions.clear();
      for (const permission of permissions) state.permissions.add(permission);
    },
    addAccount: (name) => added(state.accounts, { id: hexId(), name }),
    addZone: (name, owner = account) => added(state.zones, { id: hexId(), name, account: owner }),
    addRecord: (members) => added(state.records, recordRow(zoneFor(members.name), members)),
    editRecord(id, members) {
      state.records = state.records.map((row) => (row.id === id ? { ...row, ...members } : row));
    },
    removeRecord(id) {
      state.records = state.records.filter((row) => row.id !== id);
    },
    records: (name) => state.records.filter((row) => name === undefined || row.name === name),
    addTunnel: (name, document = null, more = {}) =>
      added(
        state.tunnels,
        tunnelRow(account, name, {
          document: JSON.stringify(document),
          version: document === null ? 0 : 1,
          ...more,
        }),
      ),
    deleteTunnel(id) {
      tunnelOf(id).deleted = true;
    },
    setDocument(id, document) {
      const row = tunnelOf(id);
      row.document = JSON.stringify(document);
      row.version += 1;
    },
    document: (id) => tunnelOf(id).document,
    ingress: (id) => JSON.parse(tunnelOf(id).document)?.ingress ?? [],
    connectorToken: (id) => connectorTokenOf(tunnelOf(id)),
    fail: (match, fault, times = 1) => faults.add(match, fault, times),
    before: (match, act, times = 1) => earlier.add(match, act, times),
    after: (match, act, times = 1) => later.add(match, act, times),
    mend() {
      for (const list of [faults, earlier, later]) list.clear();
    },
    count: (match) =>
      api.calls.filter(({ method, path, query }) => match.test(`${method} ${path}${query && `?${query}`}`))
        .length,
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
  for (const zone of zones) api.addZone(zone);
  return api;
}

function added<T extends { readonly id: string }>(list: T[], row: T): string {
  list.push(row);
  return row.id;
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
