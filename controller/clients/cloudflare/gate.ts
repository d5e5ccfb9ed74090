/**
 * Every call passes here. Cloudflare allows 1,200 calls in five minutes for each user and blocks all of them for five
 * minutes when there are more, the person's own in the dashboard among them; Berth takes half. Nothing sleeps here: a
 * call that may not be made now fails at once, and says until when.
 */
import { CloudflareError } from './errors.ts';

const WINDOW_MS = 5 * 60_000;
const MOST_CALLS = 600;
/** Calls that are free again when the gate opens, so that it does not open for one at a time. */
const ROOM = 60;
const MOST_PAUSE_MS = 60 * 60_000;

export interface Gate {
  /** Counts a call; throws when none may be made now. */
  pass(): void;
  /** Cloudflare said 429 with this Retry-After: no call until then. Returns what to throw. */
  pause(retryAfter: string | null): CloudflareError;
  /** Why no call may be made now; undefined when one may. */
  closed(): CloudflareError | undefined;
  /** Calls made so far. */
  readonly made: number;
}

/** `now` is monotonic, in milliseconds. */
export function createGate(now: () => number): Gate {
  let calls: number[] = [];
  let made = 0;
  let shut: { readonly untilMs: number; readonly error: CloudflareError } | undefined;

  const shutFor = (ms: number, why: string): CloudflareError => {
    const untilMs = now() + ms;
    if (shut && shut.untilMs >= untilMs) return shut.error;
    const clock = new Date(Date.now() + ms).toISOString().slice(11, 19);
    const error = new CloudflareError(`${why}: nothing is asked of Cloudflare before ${clock} UTC`, {
      status: 429,
    });
    shut = { untilMs, error };
    return error;
  };
  const closed = (): CloudflareError | undefined => {
    if (shut && shut.untilMs <= now()) shut = undefined;
    return shut?.error;
  };

  return {
    closed,
    get made() {
      return made;
    },
    pause: (retryAfter) => shutFor(pauseMs(retryAfter), 'Cloudflare says that there were too many calls'),
    pass() {
      const error = closed();
      if (error) throw error;
      calls = calls.filter((at) => at > now() - WINDOW_MS);
      if (calls.length >= MOST_CALLS) {
        const free = (calls[ROOM - 1] ?? 0) + WINDOW_MS - now();
        throw shutFor(free, `${MOST_CALLS} calls were made within five minutes`);
      }
      calls.push(now());
      made += 1;
    },
  };
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3); without either, what Cloudflare's own block lasts. */
function pauseMs(retryAfter: string | null): number {
  const text = retryAfter?.trim() ?? '';
  const date = /^[A-Z][a-z]{2}, /.test(text) ? Date.parse(text) - Date.now() : Number.NaN;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : date;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 1000), MOST_PAUSE_MS) : WINDOW_MS;
}
