/** Is the controller able to do its work now? The reasons are shown to whoever asks. */
import type { Route } from './route.ts';

export interface Health {
  readonly ok: boolean;
  readonly reasons: readonly string[];
}

/** `GET /healthz` answers 200 `{ok: true}`, or 503 with the reasons. */
export function healthRoute(health: () => Health): Route {
  return {
    method: 'GET',
    path: '/healthz',
    handle: () => {
      const { ok, reasons } = health();
      return { status: ok ? 200 : 503, body: ok ? { ok } : { ok, reasons } };
    },
  };
}
