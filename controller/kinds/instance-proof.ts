import type { InstanceRow } from '../clients/engine/types.ts';

/** Which instances have been ready before, so that a slow answer or a crash is no reason to give them up. */
export interface Proofs {
  /** This process is about to make it, so it has never been ready. */
  made(key: string): void;
  /** `ready` is what the probes say now; `nowMs` is the wall clock. */
  of(row: InstanceRow, ready: boolean, nowMs: number): boolean;
  /** Forgets all others. */
  keep(rows: readonly InstanceRow[]): void;
}

/**
 * Starts with no knowledge: what is found older than the time it had to answer came through that before this process
 * looked. That is decided once, at first sight, since a clock that every restart sets back says nothing later.
 */
export function createProofs(): Proofs {
  const proven = new Map<string, boolean>();
  return {
    made: (key) => {
      proven.set(key, false);
    },
    of({ key, createdMs, health }, ready, nowMs) {
      const known = proven.get(key) ?? nowMs - createdMs > health.timeoutMs;
      proven.set(key, known || ready);
      return known || ready;
    },
    keep(rows) {
      const there = new Set(rows.map(({ key }) => key));
      for (const key of proven.keys()) if (!there.has(key)) proven.delete(key);
    },
  };
}
