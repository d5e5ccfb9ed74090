/**
 * One repo, looked at whenever a push to it is told of. One look runs at a time; whatever is told meanwhile shares the
 * next, and two looks stand a pause apart, so that a thousand pushes are a handful of looks. A commit that is told of
 * and not seen yet (the far side's replicas lag) is looked for a few times more, and then left to the poll.
 */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Lookout {
  /** A push: `commit` is what `ref` should now be seen at. Returns at once. */
  expect(ref: string, commit: string): void;
}

export interface LookoutOptions {
  /** One look; never rejects. */
  readonly look: () => Promise<void>;
  /** Whether the last look saw this commit. */
  readonly saw: (commit: string) => boolean;
  /** Told of commits that were never seen. */
  readonly onLost: (commits: readonly string[]) => void;
  /** Default: the system's timers. */
  readonly pause?: Pause;
}

/** Resolves when the time is over or the signal comes. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<void>;

/** The least between two looks, whoever asks. */
const GAP_MS = 2000;

/** What is waited beyond it before each further look for a commit that is not seen: 2, 6, 14 and 30 s after the first. */
const MORE_MS = [0, 2000, 6000, 14_000] as const;

/** Looks at nothing before something is expected; ends with the signal. */
export function createLookout(options: LookoutOptions, signal: AbortSignal): Lookout {
  const { look, saw, onLost, pause = systemPause } = options;
  const awaited = new Map<string, string>();
  let asked = false;
  let looking = false;
  let wake = new AbortController();

  const lookOnce = async (): Promise<void> => {
    asked = false;
    wake = new AbortController();
    await look();
    for (const [ref, commit] of awaited) if (saw(commit)) awaited.delete(ref);
  };

  const lookUntilSeen = async (): Promise<void> => {
    looking = true;
    let misses = 0;
    while (!signal.aborted) {
      await lookOnce();
      await pause(GAP_MS, signal);
      if (!asked) {
        const more = awaited.size === 0 ? undefined : MORE_MS[misses];
        if (more === undefined) break;
        misses += 1;
        await pause(more, AbortSignal.any([signal, wake.signal]));
      }
      if (asked) misses = 0;
    }
    // No `await` stands between the last question and here, so that no push falls between.
    looking = false;
    if (awaited.size > 0 && !signal.aborted) onLost([...awaited.values()]);
    awaited.clear();
  };

  return {
    expect(ref, commit) {
      awaited.set(ref, commit);
      asked = true;
      wake.abort();
      if (!looking) void lookUntilSeen();
    },
  };
}

async function systemPause(ms: number, signal: AbortSignal): Promise<void> {
  // Rejects only when the signal ends the wait.
  await sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);
}
