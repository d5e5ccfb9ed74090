/** `port`: a host port that stays the same, so nothing else may ever want it. */
import type { Path } from './findings.ts';
import type { RawService } from './raw.ts';
import type { Scope } from './scope.ts';

/** From here on Linux lends ports to outgoing connections (net.ipv4.ip_local_port_range). */
const FIRST_EPHEMERAL_PORT = 32_768;
/** Docker's own, by IANA: an app behind one of them would be taken for an engine. */
const ENGINE_PORTS: readonly number[] = [2375, 2376];

export function checkPort(
  raw: RawService,
  about: { readonly at: Path; readonly routed: boolean },
  scope: Scope,
): void {
  if (raw.port === undefined) return;
  const fault = portFault(raw.port, scope);
  if (fault) scope.fail([...about.at, 'port'], fault);
  if (about.routed) return;
  if ((raw.replicas ?? 1) > 1) {
    scope.fail(
      [...about.at, 'replicas'],
      'must be 1: the pinned port of an internal service leads to one instance',
    );
  }
  if (raw.strategy === 'rolling') {
    const why = 'the pinned port of an internal service can be published by one instance at a time';
    scope.fail([...about.at, 'strategy'], `must be recreate: ${why}`);
  }
}

function portFault(port: number, scope: Scope): string | undefined {
  const { ports, reservedPorts } = scope.rules;
  if (port >= ports.first && port <= ports.last) {
    return `must be outside ${ports.first}-${ports.last}, which are given out automatically (BERTH_PORTS)`;
  }
  if (port >= FIRST_EPHEMERAL_PORT)
    return `must be below ${FIRST_EPHEMERAL_PORT}: the system uses higher ports itself`;
  if (ENGINE_PORTS.includes(port))
    return `must not be ${ENGINE_PORTS.join(' or ')}, the engine's own; choose another`;
  if (reservedPorts.includes(port)) return 'is used by the controller or its nginx; choose another';
  return undefined;
}
