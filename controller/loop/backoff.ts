import { messageOf, StalledError, TransientError } from '../core/errors.ts';
import type { Outcome, Wait } from '../core/types.ts';

const FIRST_MS = 1000;
const MOST_MS = 5 * 60_000;

interface Failure {
  readonly tries: number;
  readonly message: string;
  /** On the monotonic clock; infinite for a stall. */
  readonly untilMs: number;
  readonly fingerprint: string;
}

/** Remembers which deployments failed, and how long each is left alone: 1 s … 5 min, or until its entry changes. */
export interface Backoff {
  /** Takes in the outcomes of a pass; returns those that are bugs, to be logged with their stack. */
  note(outcomes: readonly Outcome[], fingerprintOf: (deployment: string) => string): readonly Error[];
  /** Forgets the failures of those that `isAtRest`: the world came right by itself, so there is nothing to retry. */
  settle(isAtRest: (deployment: string) => boolean): void;
  waits(fingerprintOf: (deployment: string) => string): ReadonlyMap<string, Wait>;
  /** The last error by deployment. */
  errors(): ReadonlyMap<string, string>;
  /** A person asks: try again at once. */
  forget(deployment?: string): void;
}

/** `nowMs` is monotonic, so a jump of the wall clock neither hurries nor delays anything. */
export function createBackoff(nowMs: () => number): Backoff {
  const failures = new Map<string, Failure>();

  const note: Backoff['note'] = (outcomes, fingerprintOf) => {
    const bugs: Error[] = [];
    const tried = new Set(outcomes.filter(({ skipped }) => !skipped).map(({ action }) => action.deployment));
    for (const deployment of tried) {
      const error = outcomes.find((o) => o.action.deployment === deployment && o.error !== undefined)?.error;
      if (error === undefined) {
        failures.delete(deployment);
        continue;
      }
      const known = error instanceof StalledError || error instanceof TransientError;
      if (!known) bugs.push(error instanceof Error ? error : new Error(String(error)));
      const tries = (failures.get(deployment)?.tries ?? 0) + 1;
      const pause = error instanceof StalledError ? Infinity : Math.min(FIRST_MS * 2 ** (tries - 1), MOST_MS);
      failures.set(deployment, {
        tries,
        message: messageOf(error),
        untilMs: nowMs() + pause,
        fingerprint: fingerprintOf(deployment),
      });
    }
    return bugs;
  };

  const waits: Backoff['waits'] = (fingerprintOf) => {
    const waiting = new Map<string, Wait>();
    for (const [deployment, { untilMs, message, fingerprint }] of failures) {
      if (fingerprintOf(deployment) !== fingerprint) failures.delete(deployment);
      else if (untilMs === Infinity) waiting.set(deployment, { why: `stalled: ${message}`, forPerson: true });
      else if (untilMs > nowMs())
        waiting.set(deployment, { why: `failed: ${message}`, ms: untilMs - nowMs() });
    }
    return waiting;
  };

  return {
    note,
    waits,
    settle: (isAtRest) => {
      for (const deployment of failures.keys()) if (isAtRest(deployment)) failures.delete(deployment);
    },
    errors: () => new Map([...failures].map(([deployment, { message }]) => [deployment, message])),
    forget: (deployment) => {
      if (deployment === undefined) failures.clear();
      else failures.delete(deployment);
    },
  };
}
