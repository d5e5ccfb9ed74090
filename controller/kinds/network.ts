/** One network per deployment: its services reach each other by name, other deployments can't reach them. */
import type { Engine } from '../clients/engine/types.ts';
import { diffByKey } from '../core/diff.ts';
import type { Kind, NetworkHave, NetworkWant } from '../core/types.ts';
import { applyEach, seenOf } from './each.ts';

/** The kind `network`. */
export function networkKind(
  engine: Pick<Engine, 'networks' | 'createNetwork' | 'removeNetwork'>,
): Kind<NetworkHave, NetworkWant> {
  return {
    name: 'network',
    observe: () => engine.networks(),
    diff: (wanted, observed) =>
      diffByKey({
        kind: 'network',
        wanted,
        wants: wanted.networks,
        haves: seenOf(observed.network),
        because: () => 'its services talk over it',
      }),
    // One at a time: each picks a subnet that no network has.
    apply: (actions, signal) =>
      applyEach(actions, { width: 1, signal }, ({ verb, key, deployment }) =>
        verb === 'create' ? engine.createNetwork(key, deployment) : engine.removeNetwork(key),
      ),
  };
}
