/** Wanted × observed → the ordered actions. A plan of the same worlds is the same text, byte for byte. */
import type { RolloutRules } from './draft.ts';
import { rollout } from './rollout.ts';
import type { Action, Desired, Kind, Observed, Wait, Wanted } from './types.ts';

export interface Plan {
  readonly actions: readonly Action[];
  readonly wanted: Wanted;
}

/**
 * Makes come first, in the order of the kinds; deletes last, in reverse. A kind that could not be observed is left
 * alone, and while there is one, no deployment that left the file is taken apart.
 */
export function makePlan(
  kinds: readonly Kind[],
  desired: Desired,
  observed: Observed,
  rules: RolloutRules,
): Plan {
  const wanted = rollout(desired, observed, rules);
  const unsure = kinds.flatMap(({ name }) => {
    const seen = observed[name];
    return seen && 'uncertain' in seen
      ? [`${name.replace(/s?$/, 's')} could not be read: ${seen.uncertain}`]
      : [];
  });
  const doubt: Wait | undefined = unsure[0] === undefined ? undefined : { why: unsure[0] };
  const order = new Map(kinds.map(({ name }, index) => [name, index]));
  const actions = kinds
    .filter(({ name }) => Array.isArray(observed[name]))
    .flatMap((kind) => kind.diff(wanted, observed))
    .filter(({ deployment }) => !wanted.frozen.has(deployment))
    .map((action) => (doubt && isGone(action, wanted) ? { ...action, wait: doubt } : action));
  return { actions: actions.sort((a, b) => compare(a, b, order)), wanted };
}

/** A delete that takes apart a deployment which is no longer in the file. */
export function isGone(action: Action, wanted: Wanted): boolean {
  return action.verb === 'delete' && action.deployment !== '' && !wanted.present.has(action.deployment);
}

function compare(a: Action, b: Action, order: ReadonlyMap<string, number>): number {
  const rank = (action: Action): number => {
    const index = order.get(action.kind) ?? 0;
    return action.verb === 'delete' ? 2 * order.size - index : index;
  };
  return rank(a) - rank(b) || text(a.deployment, b.deployment) || text(a.key, b.key);
}

function text(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
