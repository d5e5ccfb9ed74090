/**
 * Every call to GitHub passes here first, and every answer is told here. After a rate limit nothing is sent until GitHub
 * says so (docs.github.com, "Troubleshooting the REST API": `retry-after`; else `x-ratelimit-remaining: 0` with
 * `x-ratelimit-reset`; else a minute, and longer each time); after an outage the pause doubles from 1 s to 5 min. Nobody
 * sleeps: who comes during a pause is turned away at once.
 */
import { TransientError } from '../../core/errors.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number | undefined>>;
  /** What the body says in words. */
  readonly message: string;
}

export interface Gate {
  readonly pausedMs: number;
  /** Throws TransientError during a pause. */
  check(): void;
  /** Takes in an answer of the API, good or bad. */
  note(answer: Answer): void;
  /** There was no answer, or one that makes no sense. */
  fail(why: string): void;
}

const OUTAGE_MS = { first: 1000, most: 5 * 60_000 };
const LIMIT_MS = { first: 60_000, most: 60 * 60_000 };
/** A refused token is refused again, until somebody gives it its rights back. */
const REFUSED_MS = 10 * 60_000;

/** `nowMs` is monotonic. */
export function createGate(nowMs: () => number): Gate {
  let untilMs = Number.NEGATIVE_INFINITY;
  let why = '';
  let failures = 0;
  let limits = 0;

  const pause = (ms: number, reason: string): void => {
    untilMs = Math.max(untilMs, nowMs() + ms);
    why = reason;
  };
  const pausedMs = (): number => Math.max(0, Math.ceil(untilMs - nowMs()));
  const fail = (reason: string): void => {
    pause(doubled(OUTAGE_MS, failures), reason);
    failures += 1;
  };

  return {
    get pausedMs() {
      return pausedMs();
    },
    check() {
      const ms = pausedMs();
      if (ms > 0)
        throw new TransientError(`GitHub is not asked for another ${Math.ceil(ms / 1000)} s: ${why}`);
    },
    fail,
    note(answer) {
      if (answer.status >= 500) return fail(`it answered with ${answer.status}`);
      failures = 0;
      const limited = isLimit(answer);
      if (limited || isSpent(answer)) {
        const ms = askedFor(answer) ?? (limited ? doubled(LIMIT_MS, limits) : 0);
        pause(Math.min(ms, LIMIT_MS.most), 'it wants fewer requests (rate limit)');
      }
      limits = limited ? limits + 1 : 0;
      if (answer.status === 401) pause(REFUSED_MS, 'it refused GITHUB_TOKEN');
    },
  };
}

/** A 403 is a limit only when it says so; else it is a right that the token lacks. */
export function isLimit({ status, headers, message }: Answer): boolean {
  if (status === 429) return true;
  if (status !== 403) return false;
  const told = headers['retry-after'] !== undefined || isSpent({ headers });
  return told || /rate limit|abuse detection/i.test(message);
}

function isSpent({ headers }: Pick<Answer, 'headers'>): boolean {
  return String(headers['x-ratelimit-remaining'] ?? '') === '0';
}

/** The reset is a time of GitHub's clock, which its `date` tells; ours may be wrong. */
function askedFor({ headers }: Answer): number | undefined {
  const after = Number(headers['retry-after']);
  if (Number.isFinite(after) && after >= 0) return after * 1000;
  const resetMs = Number(headers['x-ratelimit-reset']) * 1000;
  const thereMs = Date.parse(String(headers.date));
  const ms = resetMs - thereMs;
  return isSpent({ headers }) && Number.isFinite(ms) ? Math.max(ms, 1000) : undefined;
}

function doubled({ first, most }: { readonly first: number; readonly most: number }, times: number): number {
  return Math.min(first * 2 ** times, most);
}
