/** The HTTP application, without a socket. Every answer is JSON; an error never tells more than it means to. */
import Koa from 'koa';

export interface AppDeps {
  /** Is the controller able to do its work now? The reasons are shown to whoever asks. */
  readonly health: () => { readonly ok: boolean; readonly reasons: readonly string[] };
  /** Told about an error that is a bug; the client only learns that there was one. */
  readonly onError?: (error: unknown) => void;
}

/** `GET /healthz` answers 200 `{ok: true}`, or 503 with the reasons. */
export function createApp(deps: AppDeps): Koa {
  const app = new Koa({ proxy: false });
  // A client that leaves early is no event.
  app.silent = true;
  app.use(async (ctx, next) => {
    ctx.set('X-Content-Type-Options', 'nosniff');
    ctx.set('Cache-Control', 'no-store');
    try {
      await next();
    } catch (error) {
      answer(ctx, 500, { code: 'internal', message: 'something went wrong: the log says what' });
      deps.onError?.(error);
    }
  });
  app.use((ctx) => {
    if (ctx.path !== '/healthz')
      return answer(ctx, 404, { code: 'not-found', message: 'there is nothing here' });
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      ctx.set('Allow', 'GET, HEAD');
      return answer(ctx, 405, { code: 'method-not-allowed', message: 'only GET is answered here' });
    }
    const { ok, reasons } = deps.health();
    ctx.status = ok ? 200 : 503;
    ctx.body = ok ? { ok } : { ok, reasons };
  });
  return app;
}

interface ApiError {
  readonly code: string;
  readonly message: string;
  readonly details?: unknown;
}

function answer(ctx: Koa.Context, status: number, error: ApiError): void {
  ctx.status = status;
  ctx.body = { error };
}
