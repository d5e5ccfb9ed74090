/** Policy as a function over the plan: what may not happen yet waits, with the reason. */
import { isGone, type Plan } from './plan.ts';
import type { Action, Wait } from './types.ts';

export interface Limits {
  /** A commit may delete this many deployments without being asked about. */
  readonly maxDeletions: number;
  /** Deployments whose deletion a person approved, or has begun: later ones are judged without them. */
  readonly released: ReadonlySet<string>;
  /** Deployments that failed, and how long they are left alone. */
  readonly backoff: ReadonlyMap<string, Wait>;
}

export interface GuardedPlan extends Plan {
  /** Names of the deployments whose deletion is held, sorted; empty when none is. */
  readonly held: readonly string[];
}

/** Holds a mass deletion until it is approved, and whatever backs off. */
export function guard(plan: Plan, commit: string, limits: Limits): GuardedPlan {
  const gone = plan.actions.filter((a) => isGone(a, plan.wanted)).map(({ deployment }) => deployment);
  const going = [...new Set(gone)].filter((name) => !limits.released.has(name)).sort();
  const held = going.length > limits.maxDeletions ? going : [];
  const hold: Wait = {
    why: `held until \`berth approve ${commit.slice(0, 12)}\``,
    forPerson: true,
  };
  const holdOf = (action: Action): Wait | undefined =>
    isGone(action, plan.wanted) && held.includes(action.deployment) ? hold : undefined;
  const actions = plan.actions.map((action) => {
    // Whatever else it would wait for, it is the person that it waits for longest.
    const wait = holdOf(action) ?? action.wait ?? limits.backoff.get(action.deployment);
    return wait ? { ...action, wait } : action;
  });
  return { ...plan, actions, held };
}
