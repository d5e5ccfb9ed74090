/** Rows of the state file that tell for which deployment a rule of the tunnel was made. */
import type { State, Store } from '../clients/types.ts';
import type { Step } from '../core/step.ts';

/** Sets rows by hostname, and removes those that are undefined; writes nothing when all are so already. */
export async function writeRows(
  changed: ReadonlyMap<string, string | undefined>,
  store: Store,
  step: Step,
): Promise<void> {
  const now = new Map(Object.entries(store.state.routes));
  const differs = [...changed].filter(([hostname, deployment]) => now.get(hostname) !== deployment);
  if (differs.length === 0) return;
  await step(`store.routes ${differs.map(([hostname]) => hostname).join(' ')}`, () =>
    store.update((state) => ({ ...state, routes: withRows(state.routes, changed) })),
  );
}

function withRows(
  routes: State['routes'],
  changed: ReadonlyMap<string, string | undefined>,
): State['routes'] {
  const rows = new Map<string, string | undefined>([...Object.entries(routes), ...changed]);
  const there = [...rows].filter((row): row is [string, string] => row[1] !== undefined);
  return Object.fromEntries(there.sort(([a], [b]) => (a < b ? -1 : 1)));
}
