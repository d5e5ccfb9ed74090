import type { Action, Outcome } from '../core/types.ts';

/**
 * Applies actions one by one, at most `width` at a time; each succeeds or fails for itself. `apply` may say what it did,
 * where the verb does not. After the signal none is begun, so that a controller which has to end need not wait for all.
 */
export async function applyEach<Want>(
  actions: readonly Action<Want>[],
  { width, signal }: { readonly width: number; readonly signal: AbortSignal },
  apply: (action: Action<Want>) => Promise<unknown>,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  const queue = actions.map((action, index) => ({ action, index }));
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { action, index } = next;
      if (signal.aborted) {
        outcomes[index] = { action, skipped: 'the controller is stopping' };
        continue;
      }
      outcomes[index] = await apply(action).then(
        (did) => (typeof did === 'string' ? { action, did } : { action }),
        (error: unknown) => ({ action, error }),
      );
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, actions.length) }, work));
  return outcomes;
}

/** What the planner may rely on for a kind it has just seen; a kind that is unsure is never asked for a difference. */
export function seenOf<Have>(seen: readonly Have[] | { readonly uncertain: string }): readonly Have[] {
  return 'uncertain' in seen ? [] : seen;
}
