/**
 * The `fetch` that Octokit sends with. The token never leaves the API's own origin: a redirect is followed by hand, on
 * that origin alone (a renamed repo gives one), and the `next` link of a list may name no other. Answers are read whole,
 * within time and size, so that a torn one is an error and not half a list.
 */
import { StalledError, TransientError } from '../../core/errors.ts';

export interface FetchOptions {
  /** Scheme, host and port of the API. */
  readonly origin: string;
  /** Of one call, redirects included. */
  readonly timeoutMs: number;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
}

const MAX_REDIRECTS = 3;
/** A whole tree has at most 7 MB (REST reference, "Get a tree"); a blob of 1 MiB in base64 is smaller. */
const MAX_BYTES = 16 * 2 ** 20;
/** Statuses that `Response` takes no body with. */
const EMPTY = [204, 205, 304];

/** Throws TransientError, or StalledError for a redirect to elsewhere. */
export function createFetch(options: FetchOptions): typeof fetch {
  return async (input, init = {}) => {
    const signal = AbortSignal.any([AbortSignal.timeout(options.timeoutMs), options.signal]);
    try {
      const response = await follow(new URL(String(input)), { ...init, signal }, options.origin);
      const body = EMPTY.includes(response.status) ? null : await collect(response);
      return new Response(body, { status: response.status, headers: response.headers });
    } catch (cause) {
      if (cause instanceof StalledError || cause instanceof TransientError) throw cause;
      throw new TransientError(`GitHub can't be reached: ${reason(cause)}`, { cause });
    }
  };
}

async function follow(from: URL, init: RequestInit, origin: string): Promise<Response> {
  let url = from;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    if (url.origin !== origin)
      throw new StalledError(
        `GitHub leads to ${url.origin}, where the token does not go: correct GITHUB_API_URL`,
      );
    const response = await fetch(url, { ...init, redirect: 'manual' });
    const location = response.headers.get('location');
    if (response.status < 300 || response.status > 399 || location === null) return response;
    await response.body?.cancel();
    // A write goes on only where its method and body do (RFC 9110, 15.4.8 and 15.4.9).
    if (init.method !== 'GET' && response.status !== 307 && response.status !== 308)
      throw new StalledError('the repo was renamed or moved on GitHub: write its present address');
    url = new URL(location, url);
  }
  throw new TransientError('GitHub redirects in a circle');
}

async function collect(response: Response): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_BYTES) throw new TransientError('GitHub answered with more than could be meant');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Undici hides the reason one level down. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'it took too long to answer';
  if (error.name === 'AbortError') return 'the controller ends';
  return error.cause instanceof Error ? error.cause.message : error.message;
}
