/** How the stand-in misbehaves on demand, and what else may happen around a call. */
import type { ServerResponse } from 'node:http';
import type { Call, Reply } from './cloudflare-state.ts';

export type Fault =
  /** Status 200 and a web page, as from a captive portal or a proxy. */
  | 'html'
  /** Status 200 and `{}`. */
  | 'empty object'
  /** Status 200 and `success: false`. */
  | 'no success'
  /** Status 200, and the JSON ends in the middle. */
  | 'half'
  /** No answer, ever. */
  | 'hang'
  /** The connection breaks before anything is done. */
  | 'reset'
  /** It is done, and then the connection breaks. */
  | 'done, then reset'
  /** It is done, and then there is no answer. */
  | 'done, then silence'
  /** It is done, and then a web page with status 502 comes. */
  | 'done, then 502'
  /** 429, with Retry-After as it is given: seconds, or a date. */
  | { readonly retryAfter: string | number }
  | { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }
  /** The answer, with `total_count` wrong by this much. */
  | { readonly countOff: number }
  /** The answer, changed. */
  | { readonly spoil: (body: unknown) => unknown };

/** Against `GET /zones/…?query`, or whatever it decides. */
export type Match = RegExp | ((call: Call) => boolean);

interface Planned<T> {
  readonly match: Match;
  readonly what: T;
  left: number;
}

/** A list of things to happen, each for so many calls that match. */
export function plans<T>() {
  const list: Planned<T>[] = [];
  return {
    add(match: Match, what: T, times: number): void {
      list.push({ match, what, left: times });
    },
    take(call: Call): T | undefined {
      const found = list.find(({ match, left }) => left > 0 && matches(match, call));
      if (!found) return undefined;
      found.left -= 1;
      return found.what;
    },
    clear(): void {
      list.length = 0;
    },
  };
}

function matches(match: Match, call: Call): boolean {
  if (typeof match === 'function') return match(call);
  const query = call.query.size > 0 ? `?${call.query}` : '';
  return match.test(`${call.method} ${call.path}${query}`);
}

const PAGE = '<!doctype html><title>Welcome</title>';

/** Answers in place of the API. `handle` does what was asked for. Gives the status that was sent, 0 for none. */
export function misbehave(fault: Fault, response: ServerResponse, handle: () => Reply): number {
  const end = (status: number, body: string, headers: Readonly<Record<string, string>> = {}): number => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
    return status;
  };
  const drop = (): number => {
    response.destroy();
    return 0;
  };
  if (fault === 'html') return end(200, PAGE, { 'content-type': 'text/html; charset=utf-8' });
  if (fault === 'empty object') return end(200, '{}');
  if (fault === 'no success') return end(200, '{"success":false,"errors":[],"messages":[],"result":null}');
  if (fault === 'half') return end(200, '{"success":true,"errors":[],"result":[{"id"');
  if (fault === 'hang') return 0;
  if (fault === 'reset') return drop();
  if (typeof fault === 'string') {
    handle();
    if (fault === 'done, then reset') return drop();
    return fault === 'done, then 502' ? end(502, PAGE, { 'content-type': 'text/html' }) : 0;
  }
  if ('retryAfter' in fault) return end(429, TOO_MANY, { 'retry-after': String(fault.retryAfter) });
  if ('status' in fault) {
    const { status, body = {}, headers = {} } = fault;
    return end(status, typeof body === 'string' ? body : JSON.stringify(body), headers);
  }
  const { status, body } = handle();
  return end(status, JSON.stringify('spoil' in fault ? fault.spoil(body) : miscounted(body, fault.countOff)));
}

const TOO_MANY = JSON.stringify({
  success: false,
  errors: [
    {
      code: 971,
      message:
        'More than 1200 requests per 300 seconds reached. Please wait and consider throttling your request speed',
    },
  ],
  messages: [],
  result: null,
});

function miscounted(body: unknown, off: number): unknown {
  const { result_info: info, ...rest } = body as { result_info?: { total_count: number } };
  return { ...rest, ...(info && { result_info: { ...info, total_count: info.total_count + off } }) };
}
