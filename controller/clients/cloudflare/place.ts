/** Where in Cloudflare we are: the account, its zones, our tunnel. Seldom changes, so it is asked for seldom. */
import { StalledError } from '../../core/errors.ts';
import type { Api } from './api.ts';
import { listAccounts, listZones } from './dns-calls.ts';
import { CloudflareError, isMissing } from './errors.ts';
import type { TunnelRow, ZoneRow } from './shapes.ts';
import { findTunnel, getTunnel } from './tunnel-calls.ts';
import type { Tunnel, Zone } from './types.ts';

export interface PlaceOptions {
  /** `CLOUDFLARE_ACCOUNT_ID`. */
  readonly accountId?: string;
  /** `CLOUDFLARE_TUNNEL`: a name, or an id. */
  readonly tunnel: string;
}

export interface Place {
  readonly account: string;
  readonly zones: readonly Zone[];
  /** Absent where there is none of that name yet. */
  readonly tunnel?: Tunnel;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Asks for all of it. Throws CloudflareError, also for what only a person can mend, with the setting to change. */
export async function findPlace(api: Api, options: PlaceOptions): Promise<Place> {
  const rows = await listZones(api);
  const account = options.accountId ?? (await soleAccount(api, rows));
  const zones = rows.filter((zone) => zone.account.id === account).map(({ id, name }) => ({ id, name }));
  const tunnel = await ownTunnel(api, account, options.tunnel);
  return { account, zones, ...(tunnel && { tunnel }) };
}

/** Our tunnel, if it is there. Throws CloudflareError for one that can't be used, StalledError never. */
export async function ownTunnel(api: Api, account: string, tunnel: string): Promise<Tunnel | undefined> {
  const row = UUID.test(tunnel)
    ? await tunnelById(api, account, tunnel.toLowerCase())
    : await findTunnel(api, account, tunnel);
  if (!row) return undefined;
  if (!row.remote)
    throw new CloudflareError(
      `the tunnel ${row.name} takes its rules from a file beside cloudflared (config_src: local): migrate it in Cloudflare's dashboard, or set CLOUDFLARE_TUNNEL to another name`,
    );
  return { id: row.id, name: row.name };
}

async function tunnelById(api: Api, account: string, id: string): Promise<TunnelRow> {
  const row = await getTunnel(api, account, id).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (row && !row.deleted) return row;
  throw new CloudflareError(
    `there is no tunnel ${id} in the account ${account}: set CLOUDFLARE_TUNNEL to one that is there, or to a name for a new one`,
  );
}

/** Throws StalledError when the tunnel is named by an id: such a one can't be made. */
export function nameOfNew(tunnel: string): string {
  if (!UUID.test(tunnel)) return tunnel;
  throw new StalledError(`no tunnel can be made with the id ${tunnel}: set CLOUDFLARE_TUNNEL to a name`);
}

/** The account that the token is for, where that can be told. */
export async function soleAccount(api: Api, zones: readonly ZoneRow[]): Promise<string> {
  const ofZones = new Map(zones.map(({ account }) => [account.id, account.name]));
  const known = ofZones.size > 0 ? ofZones : await askedAccounts(api);
  const [first, ...more] = known.keys();
  if (first !== undefined && more.length === 0) return first;
  const list = [...known].map(([id, name]) => `${id} (${name})`).sort();
  throw new CloudflareError(
    first === undefined
      ? 'the API token sees no zone and no account: set CLOUDFLARE_ACCOUNT_ID, or give the token the zones of your domains'
      : `the API token sees several accounts: set CLOUDFLARE_ACCOUNT_ID to one of ${list.join(', ')}`,
  );
}

/** 1001: the list does not answer to a token that an account owns. */
async function askedAccounts(api: Api): Promise<ReadonlyMap<string, string>> {
  try {
    return new Map((await listAccounts(api)).map(({ id, name }) => [id, name]));
  } catch (error) {
    if (error instanceof CloudflareError && error.status >= 400 && error.status < 404) return new Map();
    throw error;
  }
}
