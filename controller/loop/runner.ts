/**
 * Runs passes: one at a time, whenever something poked it, and again when something that waits is due. A poke says
 * only "look again"; pokes coalesce, and one during a pass means one more pass.
 */
import { messageOf } from '../core/errors.ts';
import { recount } from '../core/explain.ts';
import type { Log } from '../log.ts';
import type { Backoff } from './backoff.ts';
import { doubts } from './observe.ts';
import { type Report, reconcile, type World } from './reconcile.ts';
import { type Recorder, record } from './record.ts';

export interface RunnerOptions {
  readonly world: World;
  readonly backoff: Backoff;
  readonly recorder: Recorder;
  readonly log: Log;
  /** After every pass. */
  readonly onReport?: (report: Report) => void;
}

export interface Runner {
  poke(trigger: string): void;
  /** The last pass. */
  readonly last: Report | undefined;
  /** Runs until the signal; the pass under way ends first. */
  run(signal: AbortSignal): Promise<void>;
}

/** A pass that could not see everything is tried again after this; doubling up to the second. */
const DOUBT_MS = { first: 500, most: 30_000 };

/** Makes a runner; nothing happens before `run`. */
export function createRunner(options: RunnerOptions): Runner {
  const triggers = new Set<string>(['start']);
  let wake = (): void => {};
  let last: Report | undefined;
  /** Passes in a row that could not see everything, or broke off. */
  let doubtful = 0;
  let brokeOff = false;

  const poke = (trigger: string): void => {
    triggers.add(trigger);
    wake();
  };

  const pass = async (signal: AbortSignal): Promise<void> => {
    const trigger = [...triggers].sort().join(', ');
    triggers.clear();
    try {
      last = await onePass(options, trigger, signal);
      const unsure = !last.desired || doubts(last.observed).length > 0;
      doubtful = unsure ? doubtful + 1 : 0;
      brokeOff = false;
    } catch (error) {
      options.log.error(`the pass broke off: ${error instanceof Error ? error.stack : messageOf(error)}`);
      doubtful += 1;
      brokeOff = true;
    }
  };

  const sleep = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (triggers.size > 0 || signal.aborted) return resolve();
      // What the pass before it left to do says nothing about one that broke off.
      const ms = pauseMs(brokeOff ? undefined : last, doubtful);
      const timer = ms === undefined ? undefined : setTimeout(() => poke('timer'), ms);
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        wake = () => {};
        resolve();
      };
      signal.addEventListener('abort', end, { once: true });
      wake = end;
    });

  return {
    poke,
    get last() {
      return last;
    },
    async run(signal) {
      while (!signal.aborted) {
        await pass(signal);
        await sleep(signal);
      }
    },
  };
}

async function onePass(options: RunnerOptions, trigger: string, signal: AbortSignal): Promise<Report> {
  const { world, backoff, recorder, log } = options;
  const report = await reconcile(world, signal);
  const fingerprintOf = fingerprints(report);
  const before = backoff.errors();
  for (const bug of backoff.note(report.outcomes, fingerprintOf)) log.error(bug.stack ?? bug.message);
  backoff.settle(restOf(report));
  for (const outcome of report.outcomes.filter(({ skipped }) => skipped === undefined)) {
    const { action, error } = outcome;
    if (error === undefined) log.info(recount(outcome));
    else {
      // Told once, however often it is tried again.
      const level = before.get(action.deployment) === messageOf(error) ? 'debug' : 'warn';
      log[level](`${action.kind} ${action.key} failed: ${messageOf(error)}`);
    }
  }
  try {
    for (const { deployment, removed } of await record(report, trigger, recorder))
      log.info(`deployment ${deployment} is gone: ${removed.length} things removed, nothing is left`);
  } catch (error) {
    log.error(`the state file could not be written: ${messageOf(error)}`);
  }
  options.onReport?.(report);
  return report;
}

/** What a deployment is asked to be; changes when its entry or its source does. What has no entry changes with the commit. */
export function fingerprints({ desired }: Pick<Report, 'desired'>): (deployment: string) => string {
  const known = new Map(desired?.deployments.map(({ name, fingerprint }) => [name, fingerprint]));
  return (deployment) => known.get(deployment) ?? desired?.commit ?? '';
}

/** A deployment of which everything was seen and nothing is planned. */
export function restOf({ plan, observed }: Report): (deployment: string) => boolean {
  if (!plan || doubts(observed).length > 0) return () => false;
  const busy = new Set(plan.actions.map(({ deployment }) => deployment));
  return (deployment) => !busy.has(deployment) && !plan.wanted.frozen.has(deployment);
}

/** Until the next pass that no event asks for: what waits is due, something failed, or the world was in doubt. */
function pauseMs(report: Report | undefined, doubtful: number): number | undefined {
  const pauses = report?.plan?.actions.flatMap(({ wait }) => (wait?.ms === undefined ? [] : [wait.ms])) ?? [];
  if (doubtful > 0) pauses.push(Math.min(DOUBT_MS.first * 2 ** (doubtful - 1), DOUBT_MS.most));
  // What was done may have made the next step possible; what failed is looked at when its backoff ends.
  if (report?.outcomes.some(({ skipped }) => skipped === undefined)) pauses.push(0);
  return pauses.length === 0 ? undefined : Math.max(10, Math.min(...pauses));
}
