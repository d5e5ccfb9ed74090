import type { RolloutRules } from '../core/draft.ts';
import { type GuardedPlan, guard, type Limits } from '../core/guard.ts';
import { makePlan } from '../core/plan.ts';
import type { Desired, Kind, Observed, Outcome, Problem } from '../core/types.ts';
import { apply } from './apply.ts';
import { observe } from './observe.ts';

/** No good file was ever seen: the reasons. Nothing is desired then, which is not the same as "nothing". */
export interface Undecided {
  readonly problems: readonly Problem[];
}

/** All that a pass needs of the world. */
export interface World {
  readonly kinds: readonly Kind[];
  /** What Git wants. */
  desired(signal: AbortSignal): Promise<Desired | Undecided>;
  rules(): Promise<RolloutRules>;
  limits(desired: Desired): Promise<Limits>;
  readonly dryRun: boolean;
}

export interface Report {
  readonly desired?: Desired;
  /** What is wrong with the file or the repo that it is in. */
  readonly problems: readonly Problem[];
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
  const { problems } = desired;
  if (!('commit' in desired)) return { observed, problems, outcomes: [] };
  const plan = guard(
    makePlan(world.kinds, desired, observed, await world.rules()),
    desired.commit,
    await world.limits(desired),
  );
  const outcomes = world.dryRun ? [] : await apply(world.kinds, plan.actions, signal);
  return { desired, problems, observed, plan, outcomes };
}
