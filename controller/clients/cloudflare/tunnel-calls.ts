/** The calls on tunnels. Each is one request. */
import type Cloudflare from 'cloudflare';
import type { Api } from './api.ts';
import { NonsenseError } from './errors.ts';
import { allPages } from './pages.ts';
import { documentOf, type TunnelDocument, type TunnelRow, tunnelOf } from './shapes.ts';
import type { Tunnel } from './types.ts';

const EDIT = 'Cloudflare Tunnel:Edit';

const tunnels = (cloudflare: Cloudflare) => cloudflare.zeroTrust.tunnels.cloudflared;

/** The living tunnel of this name. */
export async function findTunnel(api: Api, account: string, name: string): Promise<TunnelRow | undefined> {
  const query = { account_id: account, name, is_deleted: false, per_page: 50 };
  const rows = await allPages(
    (page, take) =>
      api.call(
        { what: `look for the tunnel ${name}`, needs: EDIT },
        (cf, options) =>
          tunnels(cf)
            .list({ ...query, page }, options)
            .asResponse(),
        take,
      ),
    { whole: false, item: tunnelOf },
  );
  return rows.find((row) => row.name === name && !row.deleted);
}

/** Throws CloudflareError with status 404 when there is none; one that was deleted is still told of. */
export function getTunnel(api: Api, account: string, id: string): Promise<TunnelRow> {
  return api.call(
    { what: `read the tunnel ${id}`, needs: EDIT },
    (cf, options) => tunnels(cf).get(id, { account_id: account }, options).asResponse(),
    ({ result }) => tunnelOf(result),
  );
}

/** Its document is kept at Cloudflare, its secret made there. */
export function postTunnel(api: Api, account: string, name: string): Promise<TunnelRow> {
  return api.call(
    { what: `create the tunnel ${name}`, needs: EDIT, writes: true },
    (cf, options) =>
      tunnels(cf).create({ account_id: account, name, config_src: 'cloudflare' }, options).asResponse(),
    ({ result }) => tunnelOf(result),
  );
}

/** Throws CloudflareError with status 404 when the tunnel is gone. */
export function getDocument(api: Api, account: string, { id, name }: Tunnel): Promise<TunnelDocument> {
  return api.call(
    { what: `read the rules of the tunnel ${name}`, needs: EDIT },
    (cf, options) => tunnels(cf).configurations.get(id, { account_id: account }, options).asResponse(),
    ({ result }) => documentOf(id)(result),
  );
}

/** Replaces all of it. There is no If-Match: only the version in the answer tells whether somebody was faster. */
export function putDocument(
  api: Api,
  account: string,
  { tunnel, config }: { readonly tunnel: Tunnel; readonly config: Readonly<Record<string, unknown>> },
): Promise<TunnelDocument> {
  return api.call(
    { what: `write the rules of the tunnel ${tunnel.name}`, needs: EDIT, writes: true },
    // The package's type knows fewer members than documents have.
    (cf, options) =>
      tunnels(cf).configurations.update(tunnel.id, { account_id: account, config }, options).asResponse(),
    ({ result }) => documentOf(tunnel.id)(result),
  );
}

/** Connections that the tunnel's connectors hold now; one cloudflared holds four. */
export function countConnections(api: Api, account: string, { id, name }: Tunnel): Promise<number> {
  return api.call(
    { what: `read the connections of the tunnel ${name}`, needs: EDIT },
    (cf, options) => tunnels(cf).connections.get(id, { account_id: account }, options).asResponse(),
    ({ result }) => {
      if (result !== null && !Array.isArray(result)) throw new NonsenseError('its result is no list');
      const held = (result ?? []).map(({ conns }: { readonly conns?: unknown }) => conns);
      return held.reduce((sum: number, conns: unknown) => sum + (Array.isArray(conns) ? conns.length : 0), 0);
    },
  );
}

/** What `cloudflared tunnel run` signs in with; it is a secret. */
export function getConnectorToken(api: Api, account: string, { id, name }: Tunnel): Promise<string> {
  return api.call(
    { what: `read the connector's token of the tunnel ${name}`, needs: EDIT },
    (cf, options) => tunnels(cf).token.get(id, { account_id: account }, options).asResponse(),
    ({ result }) => {
      if (typeof result === 'string' && /^[\w+/=.-]{20,4096}$/.test(result)) return result;
      throw new NonsenseError('it is no token');
    },
  );
}
