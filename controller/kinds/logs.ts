/** Build logs and files of a deployment: they go with it. */
import type { LogFiles } from '../clients/types.ts';
import { removal } from '../core/diff.ts';
import type { Kind, Observed, Resource } from '../core/types.ts';
import { applyEach, seenOf } from './each.ts';

/** The kind `logs`: nothing is ever made by a plan, only removed. */
export function logsKind(files: LogFiles): Kind<Resource, never> {
  return {
    name: 'logs',
    observe: () => files.list(),
    diff: (wanted, observed) =>
      seenOf(observed.logs ?? [])
        .filter(({ deployment }) => !wanted.present.has(deployment))
        .flatMap((have) => removal('logs', have, wanted))
        .map((action) => (othersLeft(observed, action.deployment) ? { ...action, wait: LAST } : action)),
    apply: (actions, signal) => applyEach(actions, { width: 1, signal }, ({ key }) => files.remove(key)),
  };
}

/** What a deployment has left is told about by its logs, so they are the last to go. */
const LAST = { why: 'everything else of it goes first' };

function othersLeft(observed: Observed, deployment: string): boolean {
  const others = [observed.instance, observed.volume, observed.network, observed.image].flatMap(
    (seen): readonly Resource[] => seenOf<Resource>(seen),
  );
  return others.some((have) => have.deployment === deployment);
}
