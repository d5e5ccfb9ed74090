/** Rows of the port registry. A lost registry is rebuilt: what runs is wanted with the port its label names. */
import type { PortRow, Store } from '../clients/types.ts';
import { diffByKey } from '../core/diff.ts';
import type { Step } from '../core/step.ts';
import type { Action, Kind, PortHave, PortWant } from '../core/types.ts';
import { seenOf } from './each.ts';

/** The kind `port`; `now` is the wall clock, for `allocatedAt`. */
export function portKind(store: Store, step: Step, now: () => Date): Kind<PortHave, PortWant> {
  return {
    name: 'port',
    observe: async () => store.state.ports.map((row) => ({ ...row, key: String(row.port) })),
    diff: (wanted, observed) =>
      diffByKey({
        kind: 'port',
        wanted,
        wants: wanted.ports,
        haves: seenOf(observed.port),
        because: (want) => `for ${holder(want)}`,
        differs: (want, have) => (holder(want) === holder(have) ? undefined : `now for ${holder(want)}`),
      }),
    async apply(actions) {
      const label = `store.ports ${actions.map(({ key }) => key).join(' ')}`;
      try {
        await step(label, () =>
          store.update((state) => ({ ...state, ports: changed(state.ports, actions, now()) })),
        );
        return actions.map((action) => ({ action }));
      } catch (error) {
        return actions.map((action) => ({ action, error }));
      }
    },
  };
}

function holder({ deployment, service, instance }: PortWant | PortHave): string {
  return instance === '' ? `${deployment}/${service}, held by nginx` : instance;
}

function changed(
  rows: readonly PortRow[],
  actions: readonly Action<PortWant>[],
  now: Date,
): readonly PortRow[] {
  const touched = new Set(actions.map(({ key }) => Number(key)));
  const added = actions.flatMap(({ verb, want }) => {
    if (verb === 'delete' || !want) return [];
    const { port, deployment, service, instance } = want;
    return [{ port, deployment, service, instance, allocatedAt: now.toISOString() }];
  });
  return [...rows.filter(({ port }) => !touched.has(port)), ...added].sort((a, b) => a.port - b.port);
}
