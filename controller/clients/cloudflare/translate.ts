/**
 * Whatever a call threw → one sentence in the API's own words, with the fix. Pure. The codes are not documented as a
 * list; those below are quoted in Cloudflare's guides and in public issue threads. 10000 stands for both a missing
 * permission and a token that was taken back, so both are named.
 */
import { CloudflareError, NonsenseError } from './errors.ts';

/** As the page where tokens are made names them, short. Edit holds Read, and Berth needs it wherever it reads. */
export type Permission = 'Zone:Read' | 'DNS:Edit' | 'Cloudflare Tunnel:Edit';

/** What a call is for. */
export interface Ask {
  /** Reads after "to": "list the zones". */
  readonly what: string;
  /** What the token must be allowed for it. */
  readonly needs?: Permission;
  readonly writes?: true;
}

/** The token is no token, or no longer one: 1000 and 9109 "Invalid API/access token", 6003/6111 its format, 9106 none. */
const BAD_TOKEN = new Set([1000, 6003, 6111, 9106]);
const MAX_WORDS = 300;

interface Told {
  readonly codes: readonly number[];
  readonly words: string;
}

/** `token` is blotted out should the API repeat it. `timeoutMs` is what a call may take. */
export function translate(
  error: unknown,
  ask: Ask,
  { token, timeoutMs }: { readonly token: string; readonly timeoutMs: number },
): CloudflareError {
  if (error instanceof CloudflareError) return error;
  const status = statusOf(error);
  const { codes, words } = told(error, token);
  const facts = { status, codes, cause: error };
  if (status >= 400 && status < 500 && status !== 408 && codes.length > 0)
    return new CloudflareError(refusal(ask, status, { codes, words }), facts);
  const why = reason(error, status, { words, timeoutMs });
  return new CloudflareError(`Cloudflare could not ${ask.what}: ${why}`, {
    ...facts,
    doubtful: ask.writes ?? false,
  });
}

function refusal({ what, needs }: Ask, status: number, { codes, words }: Told): string {
  if (codes.some((code) => BAD_TOKEN.has(code)) || /invalid (api|access) token/i.test(words))
    return `Cloudflare says that the API token is not valid (${words}): make a new one and set CLOUDFLARE_API_TOKEN`;
  if ((status === 401 || status === 403) && needs !== undefined)
    return `the API token may not ${what}: add the permission ${needs} to it, or make a new one if it was revoked (${words})`;
  return `Cloudflare refuses to ${what}: ${words}`;
}

function reason(
  error: unknown,
  status: number,
  { words, timeoutMs }: { readonly words: string; readonly timeoutMs: number },
): string {
  if (error instanceof NonsenseError) return `its answer makes no sense (${oneLine(error.message)})`;
  if (status > 0) return `it answered with status ${status}${words && ` (${words})`}`;
  const causes = causesOf(error);
  // The package's errors tell their names by their classes only.
  if (causes.some((cause) => /Timeout/.test(cause.constructor.name + cause.name)))
    return `no answer came in ${timeoutMs / 1000} s`;
  const nonsense = causes.find((cause) => cause instanceof NonsenseError);
  if (nonsense) return `its answer makes no sense (${oneLine(nonsense.message)})`;
  const code = causes.flatMap((cause) => ('code' in cause ? [String(cause.code)] : [])).at(-1);
  return `it could not be reached${code === undefined ? '' : ` (${code})`}`;
}

function statusOf(error: unknown): number {
  const { status } = (typeof error === 'object' && error !== null ? error : {}) as { status?: unknown };
  return typeof status === 'number' ? status : 0;
}

/** The error and what caused it. */
function causesOf(error: unknown): readonly Error[] {
  const causes: Error[] = [];
  for (let at = error; at instanceof Error && causes.length < 5; at = at.cause) causes.push(at);
  return causes;
}

/** The `errors` of the API's envelope, whose chain often says more than the error itself. */
function told(error: unknown, token: string): Told {
  const list = (error as { errors?: unknown } | undefined)?.errors;
  const rows = (Array.isArray(list) ? list : []).slice(0, 5).flatMap((row) => [row, ...chainOf(row)]);
  const known = rows.flatMap((row) => {
    const { code, message } = (row ?? {}) as { code?: unknown; message?: unknown };
    return typeof code === 'number' && typeof message === 'string' ? [{ code, message }] : [];
  });
  const text = known.map(({ code, message }) => `${message.replace(/\.$/, '')}, code ${code}`).join('; ');
  const words = oneLine(token === '' ? text : text.replaceAll(token, '[redacted]'));
  return { codes: known.map(({ code }) => code), words };
}

function chainOf(row: unknown): readonly unknown[] {
  const { error_chain: chain } = (row ?? {}) as { error_chain?: unknown };
  return Array.isArray(chain) ? chain.slice(0, 5) : [];
}

function oneLine(text: string): string {
  return text.replace(/[\p{C}\s]+/gu, ' ').slice(0, MAX_WORDS);
}
