/** An answer as a value: what decides makes one, and one place sends it. */
import type Koa from 'koa';

export interface Answer {
  readonly status: number;
  /** Sent as JSON. */
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** How an error looks to a client (DESIGN §6); it tells no more than its code and its sentence. */
export function errorAnswer(status: number, code: string, message: string): Answer {
  return { status, body: { error: { code, message } } };
}

/** Sends it. */
export function send(ctx: Koa.Context, { status, body, headers = {} }: Answer): void {
  ctx.status = status;
  ctx.set(headers);
  ctx.body = body;
}
