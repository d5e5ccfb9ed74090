/** One call at a time to the official package: through the gate, without its own repeats, read strictly, told in our words. */
import type Cloudflare from 'cloudflare';
import { type Answer, limitedFetch, readAnswer } from './answer.ts';
import type { Gate } from './gate.ts';
import { type Ask, translate } from './translate.ts';

export interface ApiOptions {
  readonly token: string;
  readonly baseUrl: string;
  readonly gate: Gate;
  /** Of one call, its answer read to the end. */
  readonly timeoutMs?: number;
}

export interface Api {
  /**
   * `send` makes one request; `read` judges its answer and throws NonsenseError. Throws CloudflareError. No call is ever
   * repeated here: of a write, only a look can tell whether it was carried out.
   */
  call<T>(
    ask: Ask,
    send: (cloudflare: Cloudflare, options: { readonly signal: AbortSignal }) => Promise<Response>,
    read: (answer: Answer) => T,
  ): Promise<T>;
  /** Breaks off what is under way. */
  close(): void;
}

/** Passes of all deployments stand behind a write; a lost answer does no harm. */
const TIMEOUT_MS = 5_000;
/** 1,000 records have about half a megabyte. */
const MAX_ANSWER = 8 * 2 ** 20;

/** The package is loaded with the first call: it takes half a second. */
export function createApi({ token, baseUrl, gate, timeoutMs = TIMEOUT_MS }: ApiOptions): Api {
  const underWay = new Set<AbortController>();
  let loading: Promise<Cloudflare> | undefined;
  const load = async (): Promise<Cloudflare> => {
    const { default: Client } = await import('cloudflare');
    return new Client({
      apiToken: token,
      // Otherwise it would take these from the environment.
      ...{ apiKey: null, apiEmail: null, userServiceKey: null },
      baseURL: baseUrl,
      maxRetries: 0,
      timeout: timeoutMs,
      logLevel: 'off',
      fetch: limitedFetch(MAX_ANSWER),
    });
  };

  return {
    async call(ask, send, read) {
      gate.pass();
      loading ??= load();
      const cloudflare = await loading;
      const stop = new AbortController();
      underWay.add(stop);
      try {
        return read(await readAnswer(await send(cloudflare, { signal: stop.signal })));
      } catch (error) {
        const told = translate(error, ask, { token, timeoutMs });
        throw told.status === 429 ? gate.pause(retryAfter(error)) : told;
      } finally {
        underWay.delete(stop);
      }
    },
    close() {
      for (const stop of underWay) stop.abort();
    },
  };
}

function retryAfter(error: unknown): string | null {
  const { headers } = error as { readonly headers?: unknown };
  return headers instanceof Headers ? headers.get('retry-after') : null;
}
