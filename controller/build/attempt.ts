/** One try at one image: its log, its time limit, and what is told when it goes wrong. */
import { messageOf, StalledError, TransientError } from '../core/errors.ts';
import type { Mask } from '../core/mask.ts';
import type { Step } from '../core/step.ts';
import type { ImageWant } from '../core/types.ts';
import { type BuildImageOptions, buildImage } from './build-image.ts';
import { type BuildLog, buildLogPath, openBuildLog, withoutColours } from './build-log.ts';

export interface AttemptOptions extends BuildImageOptions {
  readonly step: Step;
  readonly logDir: string;
  readonly timeoutMs: number;
  readonly mask: Mask;
  /** A log that could not be written: the build went on without it. */
  readonly onError: (error: Error) => void;
}

/** Resolves with what went wrong, or undefined once the image is there. `cancel` says by its reason why it ends early. */
export async function attempt(
  options: AttemptOptions,
  want: ImageWant,
  cancel: AbortSignal,
): Promise<unknown> {
  const { step, logDir, mask, timeoutMs } = options;
  const timeout = AbortSignal.timeout(timeoutMs);
  let log: BuildLog | undefined;
  try {
    log = await step(`build.log ${want.key}`, () => openBuildLog(buildLogPath(logDir, want), mask));
    await buildImage(options, want, log, AbortSignal.any([cancel, timeout]));
    return undefined;
  } catch (thrown) {
    const error = timeout.aborted && !cancel.aborted ? timedOut(timeoutMs) : thrown;
    log?.say(cancel.aborted ? `cancelled: ${messageOf(cancel.reason)}` : toldInFull(error), 'error');
    return withLastWords(error, log?.lastWords() ?? '');
  } finally {
    const cause = await log?.close();
    if (cause) options.onError(new Error(`the log of ${want.key} could not be written`, { cause }));
  }
}

function timedOut(timeoutMs: number): StalledError {
  const minutes = Math.round(timeoutMs / 6_000) / 10;
  return new StalledError(
    `the build was ended after ${minutes} min: make it faster, or find what it waits for in its log`,
  );
}

/** A bug of ours is told with its stack. */
function toldInFull(error: unknown): string {
  if (error instanceof StalledError || error instanceof TransientError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The builder's verdict may say no more than an exit code; what was printed last does. */
function withLastWords(error: unknown, words: string): unknown {
  const message = withoutColours(messageOf(error));
  if (error instanceof TransientError || words === '' || message.includes(words)) return error;
  return new StalledError(`${message}: ${words.slice(0, 500)}`, { cause: error });
}
