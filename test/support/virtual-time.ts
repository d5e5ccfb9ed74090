/** A clock that a test moves by hand, for code that takes its pauses as an argument. */
import { setImmediate } from 'node:timers/promises';

export interface VirtualTime {
  readonly now: number;
  /** Resolves when the clock has been moved so far, or at the signal. */
  pause(ms: number, signal?: AbortSignal): Promise<void>;
  /** Moves the clock, stopping at each pause that ends on the way. */
  pass(ms: number): Promise<void>;
}

export function virtualTime(): VirtualTime {
  const due = new Set<{ readonly at: number; readonly end: () => void }>();
  let now = 0;
  return {
    get now() {
      return now;
    },
    pause: (ms, signal) =>
      new Promise((resolve) => {
        const end = (): void => {
          due.delete(one);
          signal?.removeEventListener('abort', end);
          resolve();
        };
        const one = { at: now + ms, end };
        if (signal?.aborted) return resolve();
        due.add(one);
        signal?.addEventListener('abort', end, { once: true });
      }),
    async pass(ms) {
      const until = now + ms;
      for (;;) {
        await setImmediate();
        const [next] = [...due].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
        if (!next) break;
        now = next.at;
        next.end();
      }
      now = until;
    },
  };
}
