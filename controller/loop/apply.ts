import type { Action, Kind, Outcome } from '../core/types.ts';

/**
 * Applies a sorted plan, one batch per kind and direction. What waits is left; after a failure the other steps of
 * that deployment are skipped in this pass, and every other deployment goes on.
 */
export async function apply(
  kinds: readonly Kind[],
  actions: readonly Action[],
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const byName = new Map(kinds.map((kind) => [kind.name, kind]));
  const failed = new Set<string>();
  const outcomes: Outcome[] = [];
  for (const batch of batches(actions.filter(({ wait }) => !wait))) {
    const kind = byName.get(batch[0]?.kind ?? '');
    if (!kind) continue;
    const stopped = signal.aborted ? 'the controller is stopping' : undefined;
    const skip = ({ deployment }: Action): string | undefined =>
      stopped ?? (failed.has(deployment) ? 'an earlier step of its deployment failed' : undefined);
    const due = batch.filter((action) => skip(action) === undefined);
    const tried = new Set(due);
    const done = due.length > 0 ? await applyBatch(kind, due, signal) : [];
    for (const { action, error } of done) if (error !== undefined) failed.add(action.deployment);
    outcomes.push(...done);
    for (const action of batch) {
      const skipped = tried.has(action) ? undefined : skip(action);
      if (skipped !== undefined) outcomes.push({ action, skipped });
    }
  }
  return outcomes;
}

/** A kind that breaks as a whole, such as by a list it needs, fails its own batch and nobody else's. */
async function applyBatch(
  kind: Kind,
  due: readonly Action[],
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  try {
    return await kind.apply(due, signal);
  } catch (error) {
    return due.map((action) => ({ action, error }));
  }
}

/** Runs of one kind and one direction, in the plan's order. */
function batches(actions: readonly Action[]): readonly (readonly Action[])[] {
  const runs: Action[][] = [];
  for (const action of actions) {
    const run = runs.at(-1);
    const previous = run?.at(-1);
    const together =
      previous?.kind === action.kind && (previous.verb === 'delete') === (action.verb === 'delete');
    if (run && together) run.push(action);
    else runs.push([action]);
  }
  return runs;
}
