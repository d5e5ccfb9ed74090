/** Policy as a function over the plan: what may not happen yet waits, with the reason. */
import { isGone, type Plan } from './plan.ts';
import type { Action, Wait } from './types.ts';

export interface Limits {
  /** A commit may delete this many deployments without being asked about. */
  readonly maxDeletions: number;
  /** Deployments whose deletion a person approved. */
  readonly approved: ReadonlySet<string>;
  /** Deployments that failed, and how long they are left alone. */
  readonly backoff: ReadonlyMap<string, Wait>;
}

export interface GuardedPlan extends Plan {
  /** Names of the deployments whose deletion is held, sorted; empty when none is. */
  readonly held: readonly string[];
}

/** Holds a mass deletion until it is approved, and whatever backs off. */
export function guard(plan: Plan, commit: string, limits: Limits): GuardedPlan {
  const going = new Set(
    plan.actions.filter((a) => isGone(a, plan.wanted)).map(({ deployment }) => deployment),
  );
  const unapproved = [...going].filter((name) => !limits.approved.has(name)).sort();
  const held = going.size > limits.maxDeletions ? unapproved : [];
  const hold: Wait = {
    why: `held: the commit deletes ${going.size} deployments; release it with \`berth approve ${commit.slice(0, 12)}\``,
    forPerson: true,
  };
  const waitFor = (action: Action): Wait | undefined =>
    isGone(action, plan.wanted) && held.includes(action.deployment)
      ? hold
      : limits.backoff.get(action.deployment);
  const actions = plan.actions.map((action) => {
    const wait = action.wait ?? waitFor(action);
    return wait ? { ...action, wait } : action;
  });
  return { ...plan, actions, held };
}
