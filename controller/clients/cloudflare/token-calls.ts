/**
 * Questions about the token itself. What it may write is asked by deleting what can't exist: an id of zeros is refused
 * with 404 where the token may, and with 401 or 403 where it may not. Nothing is written by it.
 */
import type { Api } from './api.ts';
import { CloudflareError, NonsenseError } from './errors.ts';
import type { Zone } from './types.ts';

const NO_RECORD = '0'.repeat(32);
const NO_TUNNEL = '00000000-0000-0000-0000-000000000000';

/**
 * Resolves when the token is in force; throws CloudflareError otherwise. A token that an account owns is known to its
 * account only.
 */
export function verifyToken(api: Api, account?: string): Promise<void> {
  return api.call(
    { what: 'check the API token' },
    (cf, options) =>
      account === undefined
        ? cf.user.tokens.verify(options).asResponse()
        : cf.accounts.tokens.verify({ account_id: account }, options).asResponse(),
    ({ result }) => {
      const { status } = (result ?? {}) as { readonly status?: unknown };
      if (status === 'active') return;
      if (typeof status !== 'string') throw new NonsenseError('it tells no status');
      throw new CloudflareError(
        `the API token is ${status.slice(0, 20)}: make a new one and set CLOUDFLARE_API_TOKEN`,
      );
    },
  );
}

/** Whether the token has DNS:Edit for this zone. */
export function mayEditDns(api: Api, { id, name }: Zone): Promise<boolean> {
  return isPermitted(
    api.call(
      { what: `try to write DNS records of ${name}` },
      (cf, options) => cf.dns.records.delete(NO_RECORD, { zone_id: id }, options).asResponse(),
      () => undefined,
    ),
  );
}

/** Whether the token has Cloudflare Tunnel:Edit for this account. */
export function mayEditTunnels(api: Api, account: string): Promise<boolean> {
  return isPermitted(
    api.call(
      { what: 'try to write tunnels' },
      (cf, options) =>
        cf.zeroTrust.tunnels.cloudflared.delete(NO_TUNNEL, { account_id: account }, options).asResponse(),
      () => undefined,
    ),
  );
}

async function isPermitted(probe: Promise<unknown>): Promise<boolean> {
  try {
    await probe;
    return true;
  } catch (error) {
    if (!(error instanceof CloudflareError) || error.codes.length === 0) throw error;
    if (error.status === 401 || error.status === 403) return false;
    if (error.status >= 400 && error.status < 429) return true;
    throw error;
  }
}
