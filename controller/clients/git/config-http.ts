/**
 * The HTTP client that isomorphic-git fetches and pushes the config repo with. Its own one takes a torn answer for a
 * whole one and sends the token to whatever port a redirect names; this one reads whole bodies within time and size,
 * refuses an answer without its final flush, and never leaves the repo's own origin.
 */
import type { GitHttpRequest, GitHttpResponse, HttpClient } from 'isomorphic-git';
import { StalledError, TransientError } from '../../core/errors.ts';
import { mebibytes } from './entries.ts';

export interface ConfigHttpOptions {
  /** Scheme, host and port: the only place that is asked, and that gets the token. */
  readonly origin: string;
  readonly token?: string;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

const MAX_REDIRECTS = 5;

/** Requests throw TransientError, or StalledError for a redirect to elsewhere and for too large an answer. */
export function createConfigHttp(options: ConfigHttpOptions): HttpClient {
  return { request: (request) => send(request, options) };
}

async function send(request: GitHttpRequest, options: ConfigHttpOptions): Promise<GitHttpResponse> {
  const { method = 'GET' } = request;
  const sent = request.body === undefined ? undefined : await collect(request.body, options.maxBytes);
  const headers = { ...request.headers, ...login(options.token) };
  const signal = AbortSignal.any([AbortSignal.timeout(options.timeoutMs), options.signal]);
  try {
    const response = await follow(
      request.url,
      { method, headers, signal, ...(sent && { body: sent }) },
      options,
    );
    const body = await collect(response.body ?? [], options.maxBytes);
    if (response.ok) refuseTorn(response.headers.get('content-type') ?? '', body);
    return {
      url: request.url,
      method,
      statusCode: response.status,
      statusMessage: response.statusText,
      headers: Object.fromEntries(response.headers),
      body: [new Uint8Array(body)] as unknown as AsyncIterableIterator<Uint8Array>,
    };
  } catch (cause) {
    if (cause instanceof TransientError || cause instanceof StalledError) throw cause;
    throw new TransientError(`the config repo can't be reached: ${reason(cause)}`, { cause });
  }
}

async function follow(from: string, init: RequestInit, { origin }: ConfigHttpOptions): Promise<Response> {
  let url = new URL(from);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    if (url.origin !== origin) {
      throw new StalledError(
        `the config repo redirects to ${url.origin}, set BERTH_CONFIG_REPO to its present address`,
      );
    }
    const response = await fetch(url, { ...init, redirect: 'manual' });
    const location = response.headers.get('location');
    if (response.status < 300 || response.status > 399 || location === null) return response;
    await response.body?.cancel();
    url = new URL(location, url);
  }
  throw new TransientError('the config repo redirects in a circle');
}

/** Basic, as GitHub, GitLab and Gitea take a token; the user name is GitHub's for one, and the others' any. */
function login(token: string | undefined): Record<string, string> {
  if (token === undefined) return {};
  return { authorization: `Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}` };
}

/** What Git says ends in a flush packet (gitprotocol-http); a proxy may end a torn answer as if it were whole. */
function refuseTorn(type: string, body: Buffer): void {
  if (!/x-git-(upload|receive)-pack-(advertisement|result)/.test(type)) return;
  if (body.subarray(-4).toString('latin1') === '0000') return;
  throw new TransientError('the config repo answered with a torn message');
}

async function collect(
  parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  maxBytes: number,
): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of parts) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new StalledError(`the config repo is larger than ${mebibytes(maxBytes)}`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Undici hides the reason one level down. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'it took too long to answer';
  return error.cause instanceof Error ? error.cause.message : error.message;
}
