/**
 * Builds in the background, so many at once, first come first served. What failed for good is remembered in the store
 * and not tried again until it is dropped; what the world was not ready for is tried again with a growing pause.
 */
import PQueue from 'p-queue';
import type { Store } from '../clients/types.ts';
import { messageOf, TransientError } from '../core/errors.ts';
import { createMask } from '../core/mask.ts';
import type { ImageWant } from '../core/types.ts';
import { type AttemptOptions, attempt } from './attempt.ts';
import { createBaseImages } from './base-image.ts';
import { withoutColours } from './build-log.ts';
import { forgetFailure, rememberFailure } from './failures.ts';
import type { Builder, BuildRow } from './types.ts';

export interface BuilderOptions
  extends Pick<AttemptOptions, 'engine' | 'open' | 'owner' | 'step' | 'logDir'>,
    Partial<Pick<AttemptOptions, 'timeoutMs' | 'memoryBytes' | 'mask'>> {
  readonly store: Store;
  /** How many at once. */
  readonly builds: number;
  /** Called on every change of a row. */
  readonly onChange: () => void;
  /** What broke and is no build's result, such as a log that could not be written. */
  readonly onError?: (error: Error) => void;
  /** Pause before the first retry; it doubles up to five minutes. */
  readonly retryMs?: number;
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

/** The builder. Its work never throws: what goes wrong is in the rows, or told to `onError`. */
export function createBuilder(options: BuilderOptions): Builder {
  const { engine, store, step, onChange, onError = () => {}, mask = createMask() } = options;
  const queue = new PQueue({ concurrency: options.builds });
  const jobs = new Map<string, Job>();
  let closed = false;
  const trying: AttemptOptions = {
    ...options,
    bases: createBaseImages({ engine }),
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    memoryBytes: options.memoryBytes ?? MEMORY_BYTES,
    mask,
    onError,
  };

  async function work(job: Job): Promise<void> {
    const { signal } = job.cancel;
    for (let retryMs = options.retryMs ?? RETRY_MS; ; retryMs = Math.min(retryMs * 2, RETRY_MAX_MS)) {
      const error = await queue.add(() => {
        if (signal.aborted) return undefined;
        enter(job, 'building');
        return attempt(trying, job.want, signal);
      });
      if (signal.aborted) return;
      if (!(error instanceof TransientError)) return end(job, error);
      enter(job, 'queued', mask.text(error.message));
      await pause(retryMs, signal);
    }
  }

  function enter(job: Job, state: Job['state'], error?: string): void {
    job.state = state;
    delete job.error;
    if (error !== undefined) job.error = error;
    onChange();
  }

  async function end(job: Job, error: unknown): Promise<void> {
    const { want } = job;
    if (error !== undefined) {
      const message = mask.text(withoutColours(messageOf(error)));
      job.state = 'failed';
      job.error = message;
      try {
        await step(`build.fail ${want.key}`, () => rememberFailure(store, want, message));
      } catch (cause) {
        onError(new Error(`the failure of ${want.key} could not be stored and is kept in memory`, { cause }));
        return onChange();
      }
    }
    jobs.delete(want.key);
    onChange();
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

  const failed = (key: string): boolean => store.state.failures.some((failure) => failure.key === key);

  return {
    rows() {
      const rows = new Map(store.state.failures.map((row) => [row.key, rowOf(row, 'failed', row.error)]));
      for (const { want, state, error } of jobs.values()) {
        if (state !== 'dropping') rows.set(want.key, rowOf(want, state, error));
      }
      return [...rows.values()];
    },
    start(want) {
      if (closed || jobs.has(want.key) || failed(want.key)) return;
      const job: Job = { want, cancel: new AbortController(), state: 'queued', ended: Promise.resolve() };
      jobs.set(want.key, job);
      job.ended = work(job);
      onChange();
    },
    async drop(key) {
      const job = jobs.get(key);
      if (job !== undefined) await cancel(job, 'nobody wants it any more');
      const known = failed(key);
      if (known) await step(`build.forget ${key}`, () => forgetFailure(store, key));
      if (known || job !== undefined) onChange();
    },
    async close() {
      closed = true;
      const ends = await Promise.allSettled([...jobs.values()].map((job) => cancel(job, 'Berth stops')));
      for (const end of ends) {
        if (end.status === 'rejected')
          onError(new Error('a build was not cleaned up', { cause: end.reason }));
      }
    },
  };
}

function rowOf(
  { key, deployment, service }: Pick<ImageWant, 'key' | 'deployment' | 'service'>,
  state: BuildRow['state'],
  error: string | undefined,
): BuildRow {
  return { key, deployment, service, state, ...(error === undefined ? {} : { error }) };
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
