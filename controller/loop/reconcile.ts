import type { RolloutRules } from '../core/draft.ts';
import { type GuardedPlan, guard, type Limits } from '../core/guard.ts';
import { makePlan } from '../core/plan.ts';
import type { Desired, Kind, Observed, Outcome } from '../core/types.ts';
import { apply } from './apply.ts';
import { observe } from './observe.ts';

/** All that a pass needs of the world. */
export interface World {
  readonly kinds: readonly Kind[];
  /** What Git wants; undefined while no good file was ever seen. */
  desired(signal: AbortSignal): Promise<Desired | undefined>;
  rules(): Promise<RolloutRules>;
  limits(desired: Desired): Promise<Limits>;
  readonly dryRun: boolean;
}

export interface Report {
  readonly desired?: Desired;
  readonly observed: Observed;
  readonly plan?: GuardedPlan;
  readonly outcomes: readonly Outcome[];
}

/**
 * One pass: read what Git wants, see what is there, plan the difference, apply it.
 * It keeps nothing between passes, so a crash anywhere is repaired by the next one.
 */
export async function reconcile(world: World, signal: AbortSignal): Promise<Report> {
  const desired = await world.desired(signal);
  const observed = await observe(world.kinds, signal);
  if (!desired) return { observed, outcomes: [] };
  const plan = guard(
    makePlan(world.kinds, desired, observed, await world.rules()),
    desired.commit,
    await world.limits(desired),
  );
  const outcomes = world.dryRun ? [] : await apply(world.kinds, plan.actions, signal);
  return { desired, observed, plan, outcomes };
}
