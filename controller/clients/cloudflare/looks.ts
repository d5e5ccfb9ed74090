/**
 * What is known now: the last look, with our own writes since. Looks run in the background, one at a time; nobody waits
 * for them. One that fails leaves nothing known, for what is not certain must not be acted upon.
 */
import { CloudflareError } from './errors.ts';
import type { Gate } from './gate.ts';
import type { Looker } from './look.ts';
import type { EdgeView } from './types.ts';

export interface LooksOptions {
  readonly looker: Looker;
  readonly gate: Gate;
  readonly intervalMs: number;
  /** A look ended otherwise than what was known. */
  readonly onChange: () => void;
  readonly now: () => number;
}

export interface Looks {
  view(): EdgeView;
  /** What is known, or undefined. */
  readonly known: EdgeView | undefined;
  /** Ends with the look that is under way or that this starts. */
  run(): Promise<void>;
  /** A write of ours is known to have done this. */
  patch(change: (view: EdgeView) => EdgeView): void;
  /** It is not known what a write has done: nothing is known until a look that begins now has ended. */
  doubt(reason: CloudflareError): void;
  close(): void;
}

const BACKOFF_MS = { first: 1000, most: 5 * 60_000 };

/** Looks take half of what the gate lets through at most, however short the interval and many the zones. */
const MS_FOR_A_CALL = 1000;

/** Looks at nothing before it is asked. */
export function createLooks({ looker, gate, intervalMs, onChange, now }: LooksOptions): Looks {
  let known: EdgeView | undefined;
  let failure = new CloudflareError('Cloudflare is being looked at for the first time');
  let looking: Promise<void> | undefined;
  let nextAt = Number.NEGATIVE_INFINITY;
  let failures = 0;
  let doubts = 0;
  let closed = false;
  let changed = false;
  /** Our writes since the look under way began; it may or may not have seen them. */
  let since: ((view: EdgeView) => EdgeView)[] = [];

  // A pass may come a little early, and would then see what is nearly twice as old.
  const restMs = intervalMs - Math.min(1000, intervalMs / 10);
  const told = (): string => (known ? JSON.stringify(known) : failure.message);
  const set = (result: EdgeView | CloudflareError): void => {
    const before = told();
    known = result instanceof CloudflareError ? undefined : result;
    if (result instanceof CloudflareError) failure = result;
    changed ||= told() !== before;
  };

  const once = async (): Promise<void> => {
    const [start, made, before] = [now(), gate.made, doubts];
    since = [];
    try {
      const seen = await looker.look(known);
      if (doubts !== before) return;
      set(since.reduce((view, change) => change(view), seen));
      failures = 0;
      nextAt = start + Math.max(restMs, (gate.made - made) * MS_FOR_A_CALL);
    } catch (error) {
      set(error instanceof CloudflareError ? error : new CloudflareError(String(error), { cause: error }));
      // Cloudflare itself said when to come again.
      failures = failure.status === 429 ? 0 : failures + 1;
      nextAt =
        failures === 0 ? now() : now() + Math.min(BACKOFF_MS.first * 2 ** (failures - 1), BACKOFF_MS.most);
    }
  };
  const loop = async (): Promise<void> => {
    changed = false;
    let begun: number;
    do {
      begun = doubts;
      await once();
    } while (doubts !== begun && !closed);
    looking = undefined;
    if (!closed && changed) onChange();
  };
  const run = (): Promise<void> => {
    if (closed || gate.closed()) return Promise.resolve();
    looking ??= loop();
    return looking;
  };

  return {
    run,
    get known() {
      return known;
    },
    view() {
      if (now() >= nextAt && !looking) {
        const shut = gate.closed();
        if (shut) throw shut;
        void run();
      }
      if (known) return known;
      throw failure;
    },
    patch(change) {
      since.push(change);
      if (known) known = change(known);
    },
    doubt(reason) {
      doubts += 1;
      known = undefined;
      failure = reason;
      nextAt = Number.NEGATIVE_INFINITY;
      void run();
    },
    close() {
      closed = true;
    },
  };
}
