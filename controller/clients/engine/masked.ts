/**
 * An engine that tells no secret: what containers wrote, and what the engine says of them, is masked here, once, before
 * anyone cuts it, keeps it or makes a sentence of it. Builds are masked where their log is kept.
 */
import { StalledError, TransientError } from '../../core/errors.ts';
import type { Mask } from '../../core/mask.ts';
import { createLineMask } from './mask-lines.ts';
import type { Engine } from './types.ts';

/** The same engine behind a mask. */
export function maskEngine(engine: Engine, mask: Mask): Engine {
  const { create, start, inspect, tail, follow } = engine;
  return {
    ...engine,
    create: (want) => maskErrors(mask, () => create(want)),
    start: (key) => maskErrors(mask, () => start(key)),
    async inspect(key) {
      const found = await inspect(key);
      return found && { ...found, error: mask.text(found.error) };
    },
    async tail(key, count) {
      // One more, since the first may begin in the middle of a secret.
      const found = await tail(key, count + 1);
      const lines = createLineMask(mask);
      return [...found.map(lines.line), ...lines.end()].slice(-count);
    },
    async *follow(key, options) {
      const lines = createLineMask(mask);
      for await (const line of follow(key, options)) yield lines.line(line);
      yield* lines.end();
    },
  };
}

async function maskErrors<T>(mask: Mask, effect: () => Promise<T>): Promise<T> {
  try {
    return await effect();
  } catch (error) {
    throw maskedError(error, mask);
  }
}

function maskedError(error: unknown, mask: Mask): unknown {
  if (!(error instanceof TransientError || error instanceof StalledError)) return error;
  const message = mask.text(error.message);
  if (message === error.message) return error;
  const Same = error instanceof TransientError ? TransientError : StalledError;
  return new Same(message, { cause: error.cause });
}
