/**
 * Health probes in the background. Two good answers in a row make a target ready, the second asked for at once; three bad
 * ones in a row take that back. While it is waited for it is asked ever less often, from 50 ms up to its own interval.
 */
import { type Answer, probe } from './probe.ts';
import type { Prober, ProbeTarget } from './types.ts';

const FIRST_DELAY_MS = 50;
const NEEDED_SUCCESSES = 2;
const TOLERATED_FAILURES = 2;

export interface ProberOptions {
  /** A target became ready, or is no longer. Not called for `reset` and `track`: the caller knows. */
  readonly onChange: (key: string) => void;
  /** Between probes of a ready target. */
  readonly readyIntervalMs?: number;
  /** Of one probe. */
  readonly timeoutMs?: number;
}

interface Watched {
  readonly target: ProbeTarget;
  readonly stop: AbortController;
  ready: boolean;
  sinceMs: number;
  delayMs: number;
  /** Good answers in a row while it is waited for; bad ones while it is ready. */
  inRow: number;
  detail: Answer;
}

export function createProber(options: ProberOptions): Prober {
  const { onChange, readyIntervalMs = 10_000, timeoutMs = 5_000 } = options;
  const watched = new Map<string, Watched>();

  function begin(target: ProbeTarget): void {
    const entry: Watched = {
      target,
      stop: new AbortController(),
      ready: false,
      sinceMs: performance.now(),
      delayMs: 0,
      inRow: 0,
      detail: undefined,
    };
    watched.set(target.key, entry);
    void ask(entry);
  }

  function end(entry: Watched): void {
    watched.delete(entry.target.key);
    entry.stop.abort();
  }

  async function ask(entry: Watched): Promise<void> {
    const { target, stop } = entry;
    const answer = await probe(target, timeoutMs, stop.signal);
    if (stop.signal.aborted) return;
    const changed = judge(entry, answer);
    schedule(entry, entry.ready ? readyIntervalMs : Math.min(entry.delayMs, target.health.intervalMs));
    if (changed) onChange(target.key);
  }

  function schedule(entry: Watched, delayMs: number): void {
    const timer = setTimeout(() => {
      entry.stop.signal.removeEventListener('abort', cancel);
      void ask(entry);
    }, delayMs);
    const cancel = () => clearTimeout(timer);
    entry.stop.signal.addEventListener('abort', cancel, { once: true });
  }

  return {
    track(targets) {
      const keys = new Set(targets.map(({ key }) => key));
      for (const [key, entry] of watched) if (!keys.has(key)) end(entry);
      for (const target of targets) {
        const entry = watched.get(target.key);
        if (entry && JSON.stringify(entry.target) === JSON.stringify(target)) continue;
        if (entry) end(entry);
        begin(target);
      }
    },

    look(key) {
      const entry = watched.get(key);
      if (!entry) return undefined;
      const { ready, detail } = entry;
      const sinceMs = performance.now() - entry.sinceMs;
      return { ready, sinceMs, ...(detail !== undefined && { detail }) };
    },

    reset(key) {
      const entry = watched.get(key);
      if (!entry) return;
      end(entry);
      begin(entry.target);
    },

    close() {
      for (const entry of watched.values()) end(entry);
    },
  };
}

/** Takes an answer in; true when that makes the target ready, or no longer ready. */
function judge(entry: Watched, answer: Answer): boolean {
  entry.detail = answer;
  const good = answer === undefined;
  entry.inRow = good === entry.ready ? 0 : entry.inRow + 1;
  entry.delayMs = good ? FIRST_DELAY_MS : Math.max(FIRST_DELAY_MS, entry.delayMs * 2);
  if (entry.inRow < (entry.ready ? TOLERATED_FAILURES + 1 : NEEDED_SUCCESSES)) return false;
  Object.assign(entry, { ready: !entry.ready, sinceMs: performance.now(), delayMs: 0, inRow: 0 });
  return true;
}
