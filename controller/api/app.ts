/** The HTTP application, without a socket. Every answer is JSON; an error never tells more than it means to. */
import type { IncomingMessage } from 'node:http';
import Koa from 'koa';
import { errorAnswer, send } from './answer.ts';
import { type Health, healthRoute } from './health.ts';
import { dispatch } from './route.ts';
import { type WebhookOptions, webhookRoute } from './webhook/webhook.ts';

export interface AppDeps {
  readonly health: () => Health;
  /** Absent: no secret is set, and the webhook is off. */
  readonly webhook?: WebhookOptions;
  /** Told about an error that is a bug; the client only learns that there was one. */
  readonly onError?: (error: unknown) => void;
}

/** Whoever still sends this long after the answer is cut off; until then, so that the answer is read, it is listened to. */
const LINGER_MS = 1000;

/** Makes it; what it answers is in its table of routes. */
export function createApp(deps: AppDeps): Koa {
  // Neither the address of a client nor the host it names is believed anywhere.
  const app = new Koa({ proxy: false });
  // A client that leaves early is no event.
  app.silent = true;
  app.use(async (ctx, next) => {
    ctx.set('X-Content-Type-Options', 'nosniff');
    ctx.set('Cache-Control', 'no-store');
    ctx.res.once('finish', () => cutOff(ctx.req));
    try {
      await next();
    } catch (error) {
      send(ctx, errorAnswer(500, 'internal', 'something went wrong: the log says what'));
      deps.onError?.(error);
    }
  });
  app.use(dispatch([healthRoute(deps.health), webhookRoute(deps.webhook)]));
  return app;
}

function cutOff(request: IncomingMessage): void {
  if (request.complete) return;
  request.resume();
  const timer = setTimeout(() => request.socket.destroy(), LINGER_MS);
  request.once('close', () => clearTimeout(timer));
}
