/** The world was not ready (network, lock, busy port): the loop backs off and tries again. */
export class TransientError extends Error {
  override readonly name = 'TransientError';
}

/** Trying again can't help: the loop waits for a commit or a person. The message names the thing and the fix. */
export class StalledError extends Error {
  override readonly name = 'StalledError';
}

/** The sentence to show for anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
