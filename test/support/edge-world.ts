/** The real client against the stand-in, with a clock that a test sets forward. */
import { createEdge, type EdgeOptions } from '../../controller/clients/cloudflare/edge.ts';
import type { Edge, EdgeView, RecordWant } from '../../controller/clients/cloudflare/types.ts';
import { type CloudflareStandIn, startCloudflare } from './cloudflare-api.ts';
import { until } from './until.ts';

export interface EdgeWorld {
  readonly api: CloudflareStandIn;
  readonly edge: Edge;
  /** Every effect, in order. */
  readonly effects: readonly string[];
  readonly warnings: readonly string[];
  readonly secrets: readonly string[];
  /** How often the client said that something changed. */
  readonly changed: number;
  /** Sets the client's clock forward. */
  pass(ms: number): void;
  /** Waits for a look and gives what is known then; throws why nothing is. */
  see(): Promise<EdgeView>;
  /** Asks as a pass does, without waiting: what is known, or why nothing is. */
  ask(): EdgeView | string;
  /** Passes until something is known. */
  certain(): Promise<EdgeView>;
  /** A record that leads to the tunnel, for this hostname. */
  want(name: string, deployment?: string): RecordWant;
  /** Another client on the same API, as after a restart. */
  again(options?: Partial<EdgeOptions>): EdgeWorld;
  close(): Promise<void>;
}

export const INTERVAL_MS = 30_000;
export const OWNER = 'ca';

/** Up with the zone example.com and a tunnel called `home`, unless an own stand-in is given. */
export async function startEdgeWorld(
  options: Partial<EdgeOptions> = {},
  given?: CloudflareStandIn,
): Promise<EdgeWorld> {
  const api = given ?? (await startCloudflare({ zones: ['example.com'] }));
  if (!given) api.addTunnel('home');
  return worldOn(api, options);
}

function worldOn(api: CloudflareStandIn, options: Partial<EdgeOptions>): EdgeWorld {
  const [effects, warnings, secrets] = [[] as string[], [] as string[], [] as string[]];
  let ahead = 0;
  let changed = 0;
  const edge = createEdge({
    ...{ token: api.token, baseUrl: api.url, tunnel: 'home', owner: OWNER, intervalMs: INTERVAL_MS },
    step: (label, effect) => {
      effects.push(label);
      return effect();
    },
    onChange: () => {
      changed += 1;
    },
    warn: (message) => warnings.push(message),
    onSecret: (secret) => secrets.push(secret),
    now: () => performance.now() + ahead,
    timeoutMs: 400,
    ...options,
  });
  const ask = (): EdgeView | string => {
    try {
      return edge.view();
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };
  return {
    ...{ api, edge, effects, warnings, secrets, ask },
    get changed() {
      return changed;
    },
    pass(ms) {
      ahead += ms;
    },
    async see() {
      await edge.settle(AbortSignal.timeout(20_000));
      return edge.view();
    },
    certain: () =>
      until(
        'something is known',
        () => {
          const view = ask();
          return typeof view === 'string' ? undefined : view;
        },
        20_000,
      ),
    want: (name, deployment = 'blog') => ({
      zone: api.state.zones.find((zone) => name === zone.name || name.endsWith(`.${zone.name}`))?.id ?? '',
      name,
      content: `${api.state.tunnels.find((row) => row.name === 'home' && !row.deleted)?.id}.cfargotunnel.com`,
      comment: `berth:${OWNER}/${deployment}`,
    }),
    again: (more = {}) => worldOn(api, { ...options, ...more }),
    async close() {
      edge.close();
      await api.close();
    },
  };
}
