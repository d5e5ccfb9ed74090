/** Build logs and files of a deployment: they go with it. */
import type { LogFiles } from '../clients/types.ts';
import { removal } from '../core/diff.ts';
import type { Kind, Resource } from '../core/types.ts';
import { applyEach, seenOf } from './each.ts';

/** The kind `logs`: nothing is ever made by a plan, only removed. */
export function logsKind(files: LogFiles): Kind<Resource, never> {
  return {
    name: 'logs',
    observe: () => files.list(),
    diff: (wanted, observed) =>
      seenOf(observed.logs ?? [])
        .filter(({ deployment }) => !wanted.present.has(deployment))
        .flatMap((have) => removal('logs', have, wanted)),
    apply: (actions) => applyEach(actions, 1, ({ key }) => files.remove(key)),
  };
}
