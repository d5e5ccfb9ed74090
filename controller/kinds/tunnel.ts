/** The tunnel itself: made when something is to be served through it, and never deleted, since others may have rules in it. */
import type { Edge } from '../clients/cloudflare/types.ts';
import type { Action, Kind } from '../core/types.ts';
import { OWN } from '../manifest/names.ts';
import { applyEach } from './each.ts';
import { edgeSeen, type TunnelHave } from './edge-seen.ts';
import { publicHosts, zoneOf } from './public-hosts.ts';

/** The kind `tunnel`; `name` is what it is called until it is there to be asked. */
export function tunnelKind(
  edge: Pick<Edge, 'view' | 'createTunnel'>,
  name: string,
): Kind<TunnelHave, undefined> {
  return {
    name: 'tunnel',
    async observe() {
      const { tunnel, zones } = edge.view();
      return [{ key: tunnel?.name ?? name, deployment: '', zones, ...(tunnel && { id: tunnel.id }) }];
    },
    diff(wanted, observed) {
      const seen = edgeSeen(observed);
      if (!seen || seen.tunnelId !== undefined) return [];
      const host = publicHosts(wanted).find(({ hostname }) => zoneOf(hostname, seen.zones));
      const user = host?.hostname ?? (wanted.present.has(OWN.tunnel) ? 'its connector' : undefined);
      if (user === undefined) return [];
      // Not under the empty name, which is nginx's: neither may hold the other back.
      const create: Action<undefined> = {
        ...{ verb: 'create', kind: 'tunnel', key: name, deployment: OWN.tunnel },
        why: `${user} is served through it`,
      };
      return [create];
    },
    apply: (actions, signal) => applyEach(actions, { width: 1, signal }, () => edge.createTunnel()),
  };
}
