/** What a pass leaves in the state file: the lines of what it did, what is held, and receipts of deletions. */
import type { Approvals } from '../clients/approvals.ts';
import type { Receipt, State, Store } from '../clients/types.ts';
import { messageOf } from '../core/errors.ts';
import { explain } from '../core/explain.ts';
import type { Step } from '../core/step.ts';
import { doubts, everything } from './observe.ts';
import type { Report } from './reconcile.ts';

const KEEP_PASSES = 100;
const KEEP_RECEIPTS = 500;

export interface Recorder {
  readonly store: Store;
  readonly step: Step;
  readonly now: () => Date;
  readonly approvals: Pick<Approvals, 'expire'>;
}

/** Records a pass; writes nothing when it left nothing to tell. Returns receipts that it wrote. */
export async function record(
  report: Report,
  trigger: string,
  { store, step, now, approvals }: Recorder,
): Promise<readonly Receipt[]> {
  const before = store.state;
  const at = now().toISOString();
  const after = withDeletions(
    withHeld(withGivenUp(withPass(before, report, trigger, at), report), report),
    report,
    at,
  );
  if (report.plan && doubts(report.observed).length === 0)
    await approvals.expire(new Set(Object.keys(after.removals)));
  if (after === before) return [];
  await step('store.record', () => store.update(() => after));
  return after.receipts.filter((receipt) => !before.receipts.includes(receipt));
}

function withPass(state: State, report: Report, trigger: string, at: string): State {
  const tried = report.outcomes.filter(({ skipped }) => skipped === undefined);
  const lines = tried.map(
    ({ action, error }) => `${explain(action)}${error === undefined ? '' : `: failed, ${messageOf(error)}`}`,
  );
  if (lines.length === 0) return state;
  const last = state.passes.at(-1);
  // What fails again and again in one way would push everything else out of the history.
  if (tried.every(({ error }) => error !== undefined) && last?.lines.join('\n') === lines.join('\n'))
    return state;
  const pass = { at, commit: report.desired?.commit ?? '', trigger, lines };
  return { ...state, passes: [...state.passes, pass].slice(-KEEP_PASSES) };
}

/** A version is given up only as long as its container is there. */
function withGivenUp(state: State, { observed }: Report): State {
  if ('uncertain' in observed.instance) return state;
  const there = new Set(observed.instance.map(({ key }) => key));
  const givenUp = state.givenUp.filter(({ key }) => there.has(key));
  return givenUp.length === state.givenUp.length ? state : { ...state, givenUp };
}

/** What is held stays so while the world is in doubt: nothing was decided about it. */
function withHeld(state: State, { plan, desired, observed }: Report): State {
  if (!plan || doubts(observed).length > 0) return state;
  const deployments = plan.held;
  const now = deployments.length > 0 && desired ? { commit: desired.commit, deployments } : undefined;
  if (JSON.stringify(now) === JSON.stringify(state.held)) return state;
  const { held: _, ...rest } = state;
  return now ? { ...rest, held: now } : rest;
}

/** Deployments whose deletion was allowed by an earlier pass and has not come to its end. */
export function beingDeleted({ removals, held }: State): readonly string[] {
  return Object.keys(removals).filter((name) => !held?.deployments.includes(name));
}

/** Everything seen of a deployment that left the file is remembered until all of it is proven gone: then, a receipt. */
function withDeletions(state: State, report: Report, at: string): State {
  const { plan, observed, desired } = report;
  if (!plan || !desired || doubts(observed).length > 0) return state;
  const left = new Map<string, string[]>();
  for (const { kind, key, deployment } of everything(observed)) {
    if (deployment === '' || plan.wanted.present.has(deployment)) continue;
    left.set(deployment, [...(left.get(deployment) ?? []), `${kind} ${key}`]);
  }
  const removals: Record<string, readonly string[]> = {};
  const receipts: Receipt[] = [];
  for (const name of [...new Set([...left.keys(), ...Object.keys(state.removals)])].sort()) {
    if (plan.wanted.present.has(name)) continue;
    const all = [...new Set([...(state.removals[name] ?? []), ...(left.get(name) ?? [])])];
    if (left.has(name)) removals[name] = all;
    else receipts.push({ deployment: name, commit: desired.commit, at, removed: all });
  }
  if (receipts.length === 0 && JSON.stringify(removals) === JSON.stringify(state.removals)) return state;
  return { ...state, removals, receipts: [...state.receipts, ...receipts].slice(-KEEP_RECEIPTS) };
}
