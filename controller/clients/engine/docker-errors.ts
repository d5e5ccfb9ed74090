/** Anything dockerode throws, as what the loop can act on: a sentence, and whether trying again makes sense. */
import { StalledError, TransientError } from '../../core/errors.ts';

const MAX_WORDS = 600;

/** HTTP status of an answer of the engine, or undefined for any other error. */
export function statusOf(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}

/** The engine's own words, on one line, without what may be a credential in a URL. */
export function wordsOf(error: unknown): string {
  const { json, message } = (error ?? {}) as { json?: { message?: unknown }; message?: unknown };
  return clean(typeof json?.message === 'string' ? json.message : String(message ?? error));
}

/** One line of at most 600 characters; URLs lose user info and query. */
export function clean(text: string): string {
  const line = text
    .replace(/(\w:\/\/)[^\s/@]+@/g, '$1')
    .replace(/(\w:\/\/[^\s?"']+)\?[^\s"']*/g, '$1')
    .replace(/\s+/g, ' ')
    .trim();
  return line.length > MAX_WORDS ? `${line.slice(0, MAX_WORDS)}…` : line;
}

/**
 * TransientError when the engine can't be reached, broke off, is busy (409) or failed itself (5xx); StalledError when it
 * refuses; a programming error comes back as it is. `doing` is such as `creating container blog-web-3f9a1c02`.
 */
export function engineError(error: unknown, doing: string, host: string): unknown {
  if (error instanceof TransientError || error instanceof StalledError) return error;
  const status = statusOf(error);
  if (status !== undefined) {
    const message = `docker engine refused ${doing}: ${wordsOf(error)}`;
    return status >= 500 || status === 409 || status === 429 || status === 408
      ? new TransientError(message, { cause: error })
      : new StalledError(message, { cause: error });
  }
  const code = String((error as { code?: unknown } | null)?.code ?? '');
  const hint = HINTS[code];
  if (hint) return new TransientError(`docker engine can't be reached at ${host}: ${hint}`, { cause: error });
  if (BROKEN_OFF.has(code)) {
    return new TransientError(`docker engine broke off ${doing} (${code}); it is tried again`, {
      cause: error,
    });
  }
  return error;
}

const START = 'start it with "systemctl start docker", or set DOCKER_HOST';

const HINTS: Readonly<Record<string, string>> = {
  ENOENT: START,
  ECONNREFUSED: START,
  ENOTFOUND: 'correct the host name in DOCKER_HOST',
  EHOSTUNREACH: 'correct the address in DOCKER_HOST, or mend the network',
  ENETUNREACH: 'correct the address in DOCKER_HOST, or mend the network',
  EACCES: 'run Berth as root or as a member of the group "docker"',
  EPERM: 'run Berth as root or as a member of the group "docker"',
};

const BROKEN_OFF = new Set([
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ECONNABORTED',
  'EAI_AGAIN',
  'ERR_STREAM_PREMATURE_CLOSE',
]);
