/** The connector's credential, fetched in the background when first asked for, and again when the tunnel is another or an hour is over. */
import { CloudflareError } from './errors.ts';
import type { ConnectorToken, Tunnel } from './types.ts';

export interface ConnectorTokenOptions {
  readonly fetch: (tunnel: Tunnel) => Promise<string>;
  readonly now: () => number;
  /** It became known, is another now, or can't be had. */
  readonly onChange: () => void;
  /** Called with each token before anybody else gets it. */
  readonly onSecret: (token: string) => void;
}

export interface ConnectorTokenSource {
  /** Never waits. Without a tunnel: what is known of the last one. */
  ask(tunnel: Tunnel | undefined): ConnectorToken;
  /** Of what is under way; never rejects. */
  settle(): Promise<void>;
}

const FRESH_MS = 60 * 60_000;
const RETRY_MS = { first: 1000, most: 5 * 60_000 };

/** Fetches nothing before it is asked. */
export function createConnectorToken(options: ConnectorTokenOptions): ConnectorTokenSource {
  const { now } = options;
  let of: string | undefined;
  let known: ConnectorToken = { state: 'pending' };
  let nextAt = Number.NEGATIVE_INFINITY;
  let failures = 0;
  let fetching: Promise<void> | undefined;

  const set = (next: ConnectorToken): void => {
    const changed = textOf(next) !== textOf(known);
    known = next;
    if (changed) options.onChange();
  };
  const fetch = async (tunnel: Tunnel): Promise<void> => {
    try {
      const token = await options.fetch(tunnel);
      failures = 0;
      nextAt = now() + FRESH_MS;
      options.onSecret(token);
      if (of === tunnel.id) set({ state: 'known', token });
    } catch (error) {
      nextAt = now() + Math.min(RETRY_MS.first * 2 ** failures, RETRY_MS.most);
      failures += 1;
      const told =
        error instanceof CloudflareError ? error : new CloudflareError(String(error), { cause: error });
      // What is known goes on to be true until something else is known.
      if (of === tunnel.id && known.state !== 'known') set({ state: 'failed', error: told });
    } finally {
      fetching = undefined;
    }
  };

  return {
    ask(tunnel) {
      if (!tunnel) return known;
      if (tunnel.id !== of) {
        of = tunnel.id;
        known = { state: 'pending' };
        nextAt = Number.NEGATIVE_INFINITY;
      }
      if (now() >= nextAt) fetching ??= fetch(tunnel);
      return known;
    },
    settle: () => fetching ?? Promise.resolve(),
  };
}

function textOf(token: ConnectorToken): string {
  if (token.state === 'known') return `known ${token.token}`;
  return token.state === 'failed' ? token.error.message : token.state;
}
