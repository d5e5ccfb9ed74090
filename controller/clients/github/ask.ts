/** One call of GitHub's API: past the gate, by Octokit, its answer judged before anybody trusts it. */
import type { Octokit } from '@octokit/rest';
import { StalledError, TransientError } from '../../core/errors.ts';
import { answerOf, refusal } from './errors.ts';
import { createFetch } from './fetch.ts';
import type { Answer, Gate } from './gate.ts';

export interface AskOptions {
  readonly apiUrl: string;
  readonly token: string;
  readonly gate: Gate;
  /** Of one call; default 10 s. */
  readonly timeoutMs?: number;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
}

interface Given {
  readonly data: unknown;
  readonly headers: Answer['headers'];
}

export interface Call<T> {
  /** After "could not", as in `read the branches of acme/blog`. */
  readonly what: string;
  readonly send: (octokit: Octokit) => Promise<Given & { readonly status: number }>;
  /** Undefined when the answer is not of the shape that the reference gives. */
  readonly read: (data: unknown, headers: Answer['headers']) => T | undefined;
}

/** Asks once. Throws TransientError or StalledError (NoAccessError for 403 and 404). */
export type Ask = <T>(call: Call<T>) => Promise<T>;

/** Loads Octokit with the first call. */
export function createAsk(options: AskOptions): Ask {
  const { gate } = options;
  let octokit: Promise<Octokit> | undefined;
  return async ({ what, send, read }) => {
    gate.check();
    octokit ??= load(options);
    const { data, headers, status } = await send(await octokit).catch((error: unknown) => {
      throw judge(what, error, gate);
    });
    gate.note({ status, headers, message: '' });
    const value = read(data, headers);
    if (value !== undefined) return value;
    gate.fail('its answer made no sense');
    throw new TransientError(`could not ${what}: the answer is not GitHub's: check GITHUB_API_URL`);
  };
}

async function load({ apiUrl, token, timeoutMs = 10_000, signal }: AskOptions): Promise<Octokit> {
  const { Octokit } = await import('@octokit/rest');
  const silent = (): void => {};
  return new Octokit({
    auth: token,
    baseUrl: apiUrl,
    userAgent: 'berth',
    log: { debug: silent, info: silent, warn: silent, error: silent },
    request: { fetch: createFetch({ origin: new URL(apiUrl).origin, timeoutMs, signal }) },
  });
}

function judge(what: string, error: unknown, gate: Gate): Error {
  const answer = answerOf(error);
  if (answer) {
    gate.note(answer);
    return refusal(what, answer, error);
  }
  // Octokit wraps what `fetch` threw.
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof StalledError) return cause;
  const why = cause instanceof TransientError ? cause.message : 'no answer could be had';
  gate.fail(why);
  return new TransientError(`could not ${what}: ${why}`, { cause: error });
}
