/**
 * Sends in the background, one letter at a time. A letter has a key, and only the newest of a key counts; one that says
 * what was said last is not sent. While the far side wants to be left alone nothing is sent and nothing piles up.
 */
import { StalledError, TransientError } from '../core/errors.ts';

export interface Letter {
  /** What it is about: a newer one of the same key takes its place. */
  readonly key: string;
  /** What may be shut off as a whole when one of it is refused for good. */
  readonly area: string;
  /** What it says: equal texts are one saying. */
  readonly text: string;
  readonly send: () => Promise<void>;
}

export interface OutboxOptions {
  /** Until the far side may be asked again; 0 when it may. */
  readonly pausedMs: () => number;
  /** Whether this error shuts off the whole area; else only the letter's own key. */
  readonly shutsArea: (error: StalledError) => boolean;
  /** A letter that was refused, or that failed and is tried again (TransientError). */
  readonly onError: (letter: Letter, error: unknown) => void;
  /** Monotonic. */
  readonly nowMs: () => number;
}

export interface Outbox {
  /** Never waits. */
  put(letter: Letter): void;
  /** What was said last of this key may no longer be so: the next is sent, whatever it says. */
  forget(key: string): void;
  /** Resolves when nothing is left to send that may be sent now. */
  settle(): Promise<void>;
  /** Sends nothing more. */
  close(): void;
}

/** What is refused is left alone for so long. */
const SHUT_MS = 60 * 60_000;
const RETRY_MS = 1000;
/** Beyond these the oldest are forgotten: unsent ones, and what is known to have been said. */
const MOST_WAITING = 500;
const MOST_SAID = 5000;
/** GitHub takes 1,000 statuses of a commit and context: what changes its mind all day is slowed down. */
const FREE_SENDS = 20;

interface Said {
  readonly text: string;
  readonly times: number;
  readonly atMs: number;
}

/** Sends nothing before the first `put`. */
export function createOutbox(options: OutboxOptions): Outbox {
  const { nowMs, pausedMs, onError } = options;
  const waiting = new Map<string, Letter>();
  const said = new Map<string, Said>();
  /** Keys and areas that were refused, and keys that failed and are tried again: until when. */
  const shut = new Map<string, number>();
  const later = new Map<string, number>();
  let closed = false;
  let pumping: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  /** Until this letter may be sent. */
  const dueInMs = ({ key, area }: Letter): number => {
    const last = said.get(key);
    const paced = last ? last.atMs + paceMs(last.times) : Number.NEGATIVE_INFINITY;
    const others = [later.get(key), shut.get(key), shut.get(`area ${area}`)];
    const until = Math.max(paced, ...others.map((ms) => ms ?? paced));
    return Math.max(0, until - nowMs());
  };

  const isShut = ({ key, area }: Letter): boolean =>
    [shut.get(key), shut.get(`area ${area}`)].some((until) => until !== undefined && until > nowMs());

  const deliver = async (letter: Letter): Promise<void> => {
    const { key, area, text } = letter;
    try {
      await letter.send();
      remember(said, key, { text, times: (said.get(key)?.times ?? 0) + 1, atMs: nowMs() });
    } catch (error) {
      if (closed) return;
      if (error instanceof TransientError) {
        if (!waiting.has(key)) waiting.set(key, letter);
        remember(later, key, nowMs() + RETRY_MS);
      } else {
        const whole = error instanceof StalledError && options.shutsArea(error);
        remember(shut, whole ? `area ${area}` : key, nowMs() + SHUT_MS);
      }
      onError(letter, error);
    }
  };

  const pump = async (): Promise<void> => {
    while (!closed && pausedMs() === 0) {
      const letter = [...waiting.values()].find((one) => dueInMs(one) === 0);
      if (!letter) break;
      waiting.delete(letter.key);
      if (said.get(letter.key)?.text !== letter.text) await deliver(letter);
    }
  };

  const start = (): void => {
    clearTimeout(timer);
    if (closed) return;
    pumping ??= pump().finally(() => {
      pumping = undefined;
      if (closed || waiting.size === 0) return;
      const ms = Math.max(pausedMs(), Math.min(...[...waiting.values()].map(dueInMs)));
      if (ms === 0) return start();
      timer = setTimeout(start, Math.ceil(ms));
      timer.unref();
    });
  };

  return {
    put(letter) {
      // It is put again after every pass, so what is refused now need not be kept.
      if (isShut(letter)) return;
      waiting.delete(letter.key);
      remember(waiting, letter.key, letter, MOST_WAITING);
      start();
    },
    forget(key) {
      said.delete(key);
    },
    async settle() {
      while (pumping) await pumping;
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

function paceMs(times: number): number {
  return times < FREE_SENDS ? 0 : Math.min(1000 * 2 ** (times - FREE_SENDS), SHUT_MS);
}

function remember<T>(map: Map<string, T>, key: string, value: T, most = MOST_SAID): void {
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > most && oldest !== undefined) map.delete(oldest);
}
