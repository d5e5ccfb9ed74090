import { createApi } from '../clients/cloudflare/api.ts';
import { createGate } from '../clients/cloudflare/gate.ts';
import { findPlace } from '../clients/cloudflare/place.ts';
import { countConnections } from '../clients/cloudflare/tunnel-calls.ts';
import type { Settings } from '../settings.ts';

/** How many connections of a cloudflared the tunnel has now; undefined where that can't be asked, or there is none. */
export async function tunnelConnections({
  token,
  baseUrl,
  tunnel,
  accountId,
}: NonNullable<Settings['cloudflare']>): Promise<number | undefined> {
  const api = createApi({ token, baseUrl, gate: createGate(() => performance.now()) });
  try {
    const place = await findPlace(api, { tunnel, ...(accountId !== undefined && { accountId }) });
    return place.tunnel && (await countConnections(api, place.account, place.tunnel));
  } catch {
    // What can't be asked here could not be looked at either, and the chain tells that.
    return undefined;
  } finally {
    api.close();
  }
}
