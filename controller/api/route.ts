/** The table of what is answered: a path, exactly as it stands, and a method. No body is read before its route asks for it. */
import type Koa from 'koa';
import { type Answer, errorAnswer, send } from './answer.ts';

export interface Route {
  /** GET answers HEAD too. */
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly handle: (ctx: Koa.Context) => Answer | Promise<Answer>;
}

/** Answers by the table: 404 for a path that is not in it, 405 with `Allow` for another method. */
export function dispatch(routes: readonly Route[]): Koa.Middleware {
  return async (ctx) => {
    const here = routes.filter(({ path }) => path === ctx.path);
    const wanted = ctx.method === 'HEAD' ? 'GET' : ctx.method;
    const route = here.find(({ method }) => method === wanted);
    send(ctx, await (route ? route.handle(ctx) : unanswered(here)));
  };
}

function unanswered(here: readonly Route[]): Answer {
  if (here.length === 0) return errorAnswer(404, 'not-found', 'there is nothing here');
  const methods = here.map(({ method }) => method);
  const allow = methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
  const message = `only ${methods.join(', ')} is answered here`;
  return { ...errorAnswer(405, 'method-not-allowed', message), headers: { Allow: allow.join(', ') } };
}
