/** Tunnels of the stand-in: list, create, read, delete, connections, token, and the document with its version. */
import {
  allowed,
  type Call,
  type CloudState,
  failure,
  membersOf,
  NO_ROUTE,
  page,
  type Reply,
  success,
  type TunnelRow,
  uuid,
} from './cloudflare-state.ts';

const LIMITS = { min: 1, max: 1000, usual: 20 };
const SERVICE =
  /^(https?|unix|unix\+tls|tcp|ssh|rdp|smb):|^(http_status:\d{3}|hello_world|bastion|socks-proxy)$/;

/** `/accounts/:account/cfd_tunnel[/:id[/:part]]`. */
export function tunnels(
  state: CloudState,
  account: string,
  [id, part]: readonly (string | undefined)[],
  call: Call,
): Reply {
  const refused = allowed(
    state,
    call.method === 'GET' && part !== 'token' ? 'Cloudflare Tunnel:Read' : 'Cloudflare Tunnel:Edit',
  );
  if (refused) return refused;
  if (id === undefined) {
    if (call.method === 'GET') return list(state, account, call);
    return call.method === 'POST' ? create(state, account, call) : NO_ROUTE(call.path);
  }
  const row = state.tunnels.find((tunnel) => tunnel.id === id && tunnel.account === account);
  if (!row) return failure(404, 1003, 'Tunnel not found');
  if (part === undefined && call.method === 'GET') return success(shown(row));
  if (row.deleted) return failure(404, 1003, 'Tunnel not found');
  if (part === undefined && call.method === 'DELETE') {
    if (row.connections > 0)
      return failure(400, 1022, 'Cannot delete tunnel because it has active connections');
    row.deleted = true;
    state.changes.push(`DELETE cfd_tunnel ${row.name}`);
    return success(shown(row));
  }
  if (part === 'configurations') return configurations(state, row, call);
  if (part === 'token' && call.method === 'GET') return success(connectorTokenOf(row));
  if (part === 'connections' && call.method === 'GET') return success(connectionsOf(row));
  return NO_ROUTE(call.path);
}

/** What `cloudflared tunnel run --token` takes: base64 of the account, the tunnel and its secret. */
export function connectorTokenOf({ account, id, secret }: TunnelRow): string {
  return Buffer.from(JSON.stringify({ a: account, t: id, s: secret })).toString('base64');
}

/** A row as a test seeds it. */
export function tunnelRow(account: string, name: string, more: Partial<TunnelRow> = {}): TunnelRow {
  const secret = Buffer.from(uuid()).toString('base64');
  const fresh = { id: uuid(), account, name, configSrc: 'cloudflare' as const, secret };
  return { ...fresh, deleted: false, connections: 0, version: 0, document: 'null', ...more };
}

function list(state: CloudState, account: string, { query }: Call): Reply {
  const rows = state.tunnels.filter(
    (row) =>
      row.account === account &&
      (query.get('name') === null || row.name === query.get('name')) &&
      (query.get('uuid') === null || row.id === query.get('uuid')) &&
      (query.get('is_deleted') === null || String(row.deleted) === query.get('is_deleted')),
  );
  return page(rows.map(shown), query, LIMITS);
}

function create(state: CloudState, account: string, { body }: Call): Reply {
  const { name, config_src: configSrc = 'local', tunnel_secret: secret, ...rest } = membersOf(body) ?? {};
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) return failure(400, 1001, `Malformed request: unknown field ${unknown}`);
  if (typeof name !== 'string' || name === '') return failure(400, 1001, 'Tunnel name is required');
  if (configSrc !== 'local' && configSrc !== 'cloudflare')
    return failure(400, 1001, 'config_src must be local or cloudflare');
  if (state.tunnels.some((row) => row.account === account && row.name === name && !row.deleted))
    return failure(
      409,
      1013,
      'You already have a tunnel with this name. Delete the existing tunnel, or choose a different name for your new tunnel',
    );
  const row = tunnelRow(account, name, { configSrc, ...(typeof secret === 'string' && { secret }) });
  state.tunnels.push(row);
  state.changes.push(`POST cfd_tunnel ${name}`);
  return success(shown(row));
}

function shown(row: TunnelRow): object {
  const status = row.connections > 0 ? 'healthy' : row.version > 0 ? 'down' : 'inactive';
  return {
    id: row.id,
    account_tag: row.account,
    name: row.name,
    config_src: row.configSrc,
    remote_config: row.configSrc === 'cloudflare',
    tun_type: 'cfd_tunnel',
    status,
    created_at: '2026-01-02T03:04:05.6Z',
    deleted_at: row.deleted ? '2026-01-03T03:04:05.6Z' : null,
    connections: connectionsOf(row).flatMap(({ conns }) => conns),
    metadata: {},
  };
}

function connectionsOf(row: TunnelRow) {
  if (row.connections === 0) return [];
  const conns = Array.from({ length: row.connections }, (_, index) => ({
    id: uuid(),
    colo_name: `ams0${index}`,
    is_pending_reconnect: false,
  }));
  return [{ id: uuid(), arch: 'linux_amd64', version: '2026.1.0', config_version: row.version, conns }];
}

function configurations(state: CloudState, row: TunnelRow, { method, body, path }: Call): Reply {
  const answer = (): Reply =>
    success({
      account_id: row.account,
      tunnel_id: row.id,
      version: row.version,
      config: JSON.parse(row.document),
      source: row.configSrc,
      created_at: '2026-01-02T03:04:05.6Z',
    });
  if (method === 'GET') return answer();
  if (method !== 'PUT') return NO_ROUTE(path);
  const config = membersOf(membersOf(body)?.config);
  const wrong = config ? invalid(config) : 'config is required';
  if (!config || wrong !== undefined)
    return failure(400, 1056, `Bad Configuration: Validation failed: ${wrong}`);
  row.document = JSON.stringify(config);
  row.version += 1;
  state.changes.push(`PUT configurations ${hostnamesOf(config).join(' ')}`.trim());
  return answer();
}

function hostnamesOf(config: Readonly<Record<string, unknown>>): readonly string[] {
  const ingress = config.ingress as readonly { readonly hostname?: string }[];
  return ingress.flatMap(({ hostname }) => hostname || []);
}

function invalid({ ingress }: Readonly<Record<string, unknown>>): string | undefined {
  if (!Array.isArray(ingress) || ingress.length === 0) return 'At least one ingress rule is required';
  for (const [index, rule] of ingress.entries()) {
    const { hostname = '', path = '', service } = membersOf(rule) ?? {};
    if (typeof hostname !== 'string' || typeof path !== 'string') return `Rule #${index + 1} is malformed`;
    if (typeof service !== 'string' || !SERVICE.test(service))
      return `Rule #${index + 1} has an invalid service ${JSON.stringify(service)}`;
    if (hostname.replace(/^\*/, '').includes('*'))
      return 'Hostname patterns can have at most one wildcard character ("*") and it can only be used for subdomains';
    const last = index === ingress.length - 1;
    const matchesAll = (hostname === '' || hostname === '*') && path === '';
    if (last && !matchesAll)
      return 'The last ingress rule must match all URLs (i.e. it should not have a hostname or path filter)';
    if (!last && matchesAll)
      return `Rule #${index + 1} is matching the hostname '', but this will match every hostname, meaning the rules which follow it will never be triggered.`;
  }
  return undefined;
}
