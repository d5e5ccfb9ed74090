/** The kinds in the order in which they are made; they go in reverse. A new kind is one file and one line here. */
import type { Builder } from '../build/types.ts';
import type { Edge } from '../clients/cloudflare/types.ts';
import type { Engine } from '../clients/engine/types.ts';
import type { Archiver, LogFiles, Nginx, Prober, Store } from '../clients/types.ts';
import type { Step } from '../core/step.ts';
import type { Kind } from '../core/types.ts';
import { dnsRecordKind } from './dns-record.ts';
import { imageKind } from './image.ts';
import { instanceKind } from './instance.ts';
import { logsKind } from './logs.ts';
import { networkKind } from './network.ts';
import { portKind } from './port.ts';
import { serviceUrl } from './publish.ts';
import { tunnelKind } from './tunnel.ts';
import { tunnelRouteKind } from './tunnel-route.ts';
import { vhostKind } from './vhost.ts';
import type { VhostTextOptions } from './vhost-text.ts';
import { volumeKind } from './volume.ts';

/** Everything the kinds reach the world with. */
export interface Clients {
  readonly engine: Engine;
  readonly builder: Builder;
  readonly archiver: Archiver;
  readonly prober: Prober;
  readonly nginx: Nginx;
  readonly store: Store;
  readonly logFiles: LogFiles;
  readonly step: Step;
  readonly now: () => Date;
  readonly vhostText: VhostTextOptions;
  /** Absent: the sites are on this machine only. */
  readonly edge?: Edge;
  /** What the tunnel is called; default the owner. */
  readonly tunnel?: string;
}

/** All kinds, in order. */
export function createKinds(clients: Clients): readonly Kind[] {
  const { engine, store, step, now, edge, vhostText } = clients;
  const publish = { owner: vhostText.owner, service: serviceUrl(vhostText.http) };
  return [
    ...(edge ? [tunnelKind(edge, clients.tunnel ?? publish.owner)] : []),
    logsKind(clients.logFiles),
    imageKind(clients),
    networkKind(engine),
    volumeKind(clients),
    portKind(store, step, now),
    instanceKind(clients),
    vhostKind(clients.nginx, vhostText),
    ...(edge ? [dnsRecordKind(edge, publish), tunnelRouteKind({ edge, store, step }, publish)] : []),
  ] as readonly Kind[];
}
