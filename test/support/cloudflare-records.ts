/** DNS records of the stand-in: list, read, create, PATCH, PUT, delete, with the rules on what may stand on one name. */
import {
  allowed,
  type Call,
  type CloudState,
  failure,
  hexId,
  membersOf,
  NO_ROUTE,
  page,
  type RecordRow,
  type Reply,
  success,
  type ZoneRow,
} from './cloudflare-state.ts';

const LIMITS = { min: 1, max: 5_000_000, usual: 100 };
const MEMBERS = new Set(['type', 'name', 'content', 'data', 'proxied', 'ttl', 'comment', 'tags', 'priority']);
const MEMBERS_LATE = new Set(['settings', 'private_routing']);
const TYPES = new Set(['A', 'AAAA', 'CNAME', 'TXT', 'MX', 'NS', 'CAA', 'SRV', 'HTTPS']);
const PROXIABLE = new Set(['A', 'AAAA', 'CNAME']);
/** Of a free plan. */
const MAX_COMMENT = 100;

/** `/zones/:zone/dns_records[/:id]`. */
export function records(state: CloudState, zone: ZoneRow, id: string | undefined, call: Call): Reply {
  const refused = allowed(state, call.method === 'GET' ? 'DNS:Read' : 'DNS:Edit');
  if (refused) return refused;
  if (id === undefined) {
    if (call.method === 'GET') return list(state, zone, call);
    return call.method === 'POST' ? create(state, zone, call) : NO_ROUTE(call.path);
  }
  const row = state.records.find((record) => record.id === id && record.zone === zone.id);
  if (!row) return failure(404, 81044, 'Record does not exist.');
  if (call.method === 'GET') return success(shown(row, zone));
  if (call.method === 'DELETE') {
    state.records = state.records.filter((record) => record !== row);
    state.changes.push(`DELETE dns_record ${row.type} ${row.name}`);
    return success({ id });
  }
  if (call.method === 'PATCH' || call.method === 'PUT') return change(state, zone, row, call);
  return NO_ROUTE(call.path);
}

/** A record's row, whole, from as little as a test wants to say. */
export function recordRow(zone: ZoneRow, members: Readonly<Record<string, unknown>>): RecordRow {
  const type = String(members.type ?? 'A');
  const usual = { type, name: zone.name, content: '192.0.2.1', proxied: false, ttl: 1, comment: null };
  return { id: hexId(), zone: zone.id, tags: [], ...usual, ...members };
}

function list(state: CloudState, zone: ZoneRow, { query }: Call): Reply {
  const [name, starts] = [query.get('name.exact') ?? query.get('name'), query.get('comment.startswith')];
  const rows = state.records.filter(
    (row) =>
      row.zone === zone.id &&
      (name === null || row.name === name.toLowerCase()) &&
      (query.get('type') === null || row.type === query.get('type')) &&
      (starts === null || (row.comment ?? '').toLowerCase().startsWith(starts.toLowerCase())),
  );
  return page(
    rows.map((row) => shown(row, zone)),
    query,
    LIMITS,
  );
}

function shown({ zone: _, ...row }: RecordRow, zone: ZoneRow): object {
  const dates = { created_on: '2026-01-02T03:04:05.6Z', modified_on: '2026-01-02T03:04:05.6Z' };
  const proxiable = PROXIABLE.has(row.type);
  return { ...row, proxiable, meta: {}, settings: {}, ...dates, zone_name: zone.name };
}

function create(state: CloudState, zone: ZoneRow, { body }: Call): Reply {
  const members = membersOf(body);
  const wrong = members ? invalid(members, zone) : 'the body must be a JSON object';
  if (!members || wrong !== undefined) return refusal(wrong ?? '');
  if (state.records.filter((row) => row.zone === zone.id).length >= state.quota)
    return failure(400, 81045, 'Record quota exceeded.');
  const row = recordRow(zone, { ...members, name: fullName(String(members.name), zone) });
  const clash = clashOf(state, row);
  if (clash) return clash;
  state.records.push(row);
  state.changes.push(`POST dns_record ${row.type} ${row.name}`);
  return success(shown(row, zone));
}

function change(state: CloudState, zone: ZoneRow, row: RecordRow, { method, body }: Call): Reply {
  const members = membersOf(body);
  const wrong = members ? invalid({ ...row, tags: [], ...members }, zone, members) : 'no JSON object';
  if (!members || wrong !== undefined) return refusal(wrong ?? '');
  const name = members.name === undefined ? {} : { name: fullName(String(members.name), zone) };
  const next: RecordRow =
    method === 'PATCH'
      ? { ...row, ...members, ...name }
      : { ...recordRow(zone, { ...members, ...name }), id: row.id };
  const clash = clashOf(state, next);
  if (clash) return clash;
  state.records = state.records.map((one) => (one === row ? next : one));
  state.changes.push(`${method} dns_record ${next.type} ${next.name}`);
  return success(shown(next, zone));
}

function refusal(message: string): Reply {
  return failure(400, 1004, 'DNS Validation Error', [{ code: 9000, message }]);
}

/** Why this is no record; `given` are the members of the body when `members` holds an older record's too. */
function invalid(
  members: Readonly<Record<string, unknown>>,
  zone: ZoneRow,
  given = members,
): string | undefined {
  const unknown = Object.keys(given).find((name) => !MEMBERS.has(name) && !MEMBERS_LATE.has(name));
  if (unknown !== undefined) return `unknown field ${unknown}`;
  const { type, name, content, proxied, ttl, comment } = members;
  if (typeof type !== 'string' || !TYPES.has(type)) return 'DNS type is invalid.';
  if (typeof name !== 'string' || !/^(@|[a-z0-9_*.-]{1,255})$/i.test(name)) return 'DNS name is invalid.';
  if (typeof content !== 'string' || content === '') return `Content for ${type} record is invalid.`;
  if (type === 'CNAME' && fullName(name, zone) === content) return 'CNAME content cannot reference itself.';
  if (ttl !== undefined && ttl !== 1 && !(typeof ttl === 'number' && ttl >= 60 && ttl <= 86_400))
    return 'TTL must be between 60 and 86400 seconds, or 1 for Automatic.';
  if (proxied !== undefined && typeof proxied !== 'boolean') return 'proxied must be a boolean';
  if (proxied === true && !PROXIABLE.has(type)) return 'This record type cannot be proxied.';
  if (
    comment !== undefined &&
    comment !== null &&
    (typeof comment !== 'string' || comment.length > MAX_COMMENT)
  )
    return `comment must be at most ${MAX_COMMENT} characters`;
  return undefined;
}

/** What may not stand beside what is there already: A and AAAA exclude CNAME, and a CNAME excludes any other of these. */
function clashOf(state: CloudState, row: RecordRow): Reply | undefined {
  const others = state.records.filter(
    ({ id, zone, name }) => id !== row.id && zone === row.zone && name === row.name,
  );
  const has = (...types: readonly string[]): boolean => others.some(({ type }) => types.includes(type));
  if (row.type === 'CNAME' && has('A', 'AAAA', 'CNAME'))
    return failure(400, 81053, 'An A, AAAA, or CNAME record with that host already exists.');
  if ((row.type === 'A' || row.type === 'AAAA') && has('CNAME'))
    return failure(400, 81054, 'A CNAME record with that host already exists.');
  if (row.type !== 'NS' && has('NS')) return failure(400, 81056, 'NS records with that host already exist.');
  if (others.some(({ type, content }) => type === row.type && content === row.content))
    return failure(400, 81057, 'Record already exists.');
  return undefined;
}

function fullName(name: string, zone: ZoneRow): string {
  const lower = name.toLowerCase();
  if (lower === '@') return zone.name;
  return lower === zone.name || lower.endsWith(`.${zone.name}`) ? lower : `${lower}.${zone.name}`;
}
