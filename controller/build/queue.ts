/**
 * Builds in the background, so many at once, first come first served. What failed for good is remembered in the store
 * and not tried again until it is dropped; what the world was not ready for is tried again with a growing pause.
 */
import PQueue from 'p-queue';
import type { Store } from '../clients/types.ts';
import { messageOf, StalledError, TransientError } from '../core/errors.ts';
import type { Step } from '../core/step.ts';
import type { ImageWant } from '../core/types.ts';
import { createBaseImages } from './base-image.ts';
import { type BuildImageOptions, buildImage } from './build-image.ts';
import { type BuildLog, buildLogPath, openBuildLog, withoutColours } from './build-log.ts';
import { forgetFailure, rememberFailure } from './failures.ts';
import type { Builder, BuildRow } from './types.ts';

export interface BuilderOptions extends Pick<BuildImageOptions, 'engine' | 'open' | 'owner'> {
  readonly store: Store;
  readonly step: Step;
  readonly logDir: string;
  /** How many at once. */
  readonly builds: number;
  /** Called on every change of a row. */
  readonly onChange: () => void;
  /** What broke and concerns no build's result, such as a log that could not be written. */
  readonly onError?: (error: Error) => void;
  readonly timeoutMs?: number;
  readonly memoryBytes?: number;
  /** Pause before the first retry; it doubles up to five minutes. */
  readonly retryMs?: number;
  /** Hides secrets in log lines and errors. */
  readonly mask?: (text: string) => string;
}

interface Job {
  readonly want: ImageWant;
  readonly cancel: AbortController;
  state: 'queued' | 'building' | 'dropping' | 'failed';
  error?: string;
  /** Settles when nothing of the job is under way any more. */
  ended: Promise<void>;
}

const TIMEOUT_MS = 30 * 60_000;
const MEMORY_BYTES = 2 * 1024 ** 3;
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 5 * 60_000;

/** The builder. It never throws: what goes wrong is in the rows, or told to `onError`. */
export function createBuilder(options: BuilderOptions): Builder {
  const {
    engine,
    store,
    step,
    onChange,
    onError = () => {},
    timeoutMs = TIMEOUT_MS,
    mask = (text) => text,
  } = options;
  const queue = new PQueue({ concurrency: options.builds });
  const bases = createBaseImages({ engine });
  const image: BuildImageOptions = { ...options, bases, memoryBytes: options.memoryBytes ?? MEMORY_BYTES };
  const jobs = new Map<string, Job>();
  let closed = false;

  function enter(job: Job, state: Job['state']): void {
    job.state = state;
    onChange();
  }

  async function work(job: Job): Promise<void> {
    for (let retryMs = options.retryMs ?? RETRY_MS; ; retryMs = Math.min(retryMs * 2, RETRY_MAX_MS)) {
      const error = await queue.add(() => attempt(job));
      if (job.cancel.signal.aborted) return;
      if (error instanceof TransientError) {
        job.error = mask(error.message);
        enter(job, 'queued');
        await pause(retryMs, job.cancel.signal);
      } else {
        if (error !== undefined) await fail(job, withoutColours(messageOf(error)));
        else jobs.delete(job.want.key);
        return onChange();
      }
    }
  }

  /** One try; resolves with what went wrong. */
  async function attempt(job: Job): Promise<unknown> {
    if (job.cancel.signal.aborted) return undefined;
    enter(job, 'building');
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([job.cancel.signal, timeout]);
    let log: BuildLog | undefined;
    try {
      const path = buildLogPath(options.logDir, job.want);
      log = await step(`build.log ${job.want.key}`, () => openBuildLog(path, mask));
      await buildImage(image, job.want, log, signal);
      return undefined;
    } catch (thrown) {
      const error = timeout.aborted && !job.cancel.signal.aborted ? timedOut(timeoutMs) : thrown;
      log?.say(
        job.cancel.signal.aborted ? 'cancelled: nobody wants it any more' : toldInFull(error),
        'error',
      );
      return withLastWords(error, log?.lastWords() ?? '');
    } finally {
      const logError = await log?.close();
      if (logError)
        onError(new Error(`the log of ${job.want.key} could not be written`, { cause: logError }));
    }
  }

  async function fail(job: Job, message: string): Promise<void> {
    job.error = mask(message);
    job.state = 'failed';
    try {
      await step(`build.fail ${job.want.key}`, () => rememberFailure(store, job.want, mask(message)));
      jobs.delete(job.want.key);
    } catch (cause) {
      onError(
        new Error(`the failure of ${job.want.key} could not be stored and is kept in memory`, { cause }),
      );
    }
  }

  /** A build that ended while it was being cancelled leaves no image behind. */
  async function cancel(job: Job, why: string): Promise<void> {
    const wasBuilding = job.state === 'building';
    job.state = 'dropping';
    job.cancel.abort(new Error(why));
    try {
      if (!wasBuilding) return;
      await job.ended;
      if (job.want.from.kind === 'build') await engine.removeImage(job.want.key);
    } finally {
      jobs.delete(job.want.key);
    }
  }

  return {
    rows() {
      const rows = new Map<string, BuildRow>(store.state.failures.map((row) => [row.key, failedRow(row)]));
      for (const { want, state, error } of jobs.values()) {
        if (state === 'dropping') continue;
        const { key, deployment, service } = want;
        rows.set(key, { key, deployment, service, state, ...(error === undefined ? {} : { error }) });
      }
      return [...rows.values()];
    },
    start(want) {
      if (closed || jobs.has(want.key) || store.state.failures.some(({ key }) => key === want.key)) return;
      const job: Job = { want, cancel: new AbortController(), state: 'queued', ended: Promise.resolve() };
      jobs.set(want.key, job);
      job.ended = work(job);
      onChange();
    },
    async drop(key) {
      const job = jobs.get(key);
      if (job !== undefined) await cancel(job, 'nobody wants it any more');
      const known = store.state.failures.some((failure) => failure.key === key);
      if (known) await step(`build.forget ${key}`, () => forgetFailure(store, key));
      if (known || job !== undefined) onChange();
    },
    async close() {
      closed = true;
      const ends = await Promise.allSettled(
        [...jobs.values()].map((job) => cancel(job, 'the controller stops')),
      );
      for (const end of ends) if (end.status === 'rejected') onError(toError(end.reason));
    },
  };
}

function failedRow({ key, deployment, service, error }: Omit<BuildRow, 'state'>): BuildRow {
  return { key, deployment, service, state: 'failed', ...(error === undefined ? {} : { error }) };
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
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

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(finish, ms);
    function finish(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      done();
    }
    if (signal.aborted) finish();
    else signal.addEventListener('abort', finish);
  });
}
