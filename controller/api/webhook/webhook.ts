/**
 * `POST /webhooks/github`. What costs nothing to check is checked first: the signature's form before the body is read,
 * the signature before it is parsed. A good delivery is answered at once and only hints where to look; GitHub neither
 * waits more than 10 s nor tries again, and what gets lost is found by the poll.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Hints } from '../../loop/hints.ts';
import { type Answer, errorAnswer } from '../answer.ts';
import type { Route } from '../route.ts';
import { type Body, createRoom, withBody } from './body.ts';
import { createDeliveryIds, type DeliveryIds } from './delivery-ids.ts';
import { pushHint } from './push.ts';
import { createVerify, signatureOf } from './signature.ts';
import { createTally } from './tally.ts';

export interface WebhookOptions {
  /** `GITHUB_WEBHOOK_SECRET`. */
  readonly secret: string;
  readonly hints: Hints;
  readonly log: { debug(message: string): void; warn(message: string): void };
  readonly limits?: Partial<typeof LIMITS>;
}

const LIMITS = {
  /** GitHub's own cap on a payload. */
  maxBytes: 25 * 2 ** 20,
  /** Of all bodies under way. */
  roomBytes: 32 * 2 ** 20,
  /** After which GitHub has given up, too. */
  timeoutMs: 10_000,
  ids: 10_000,
  /** Between two lines about deliveries that are not signed. */
  tellMs: 60_000,
};

const PATH = '/webhooks/github';

const OFF = errorAnswer(404, 'webhook-off', 'webhooks are off: set GITHUB_WEBHOOK_SECRET');

/** One answer for every fault of a signature: it tells nothing about the secret or how far the check came. */
const UNSIGNED = errorAnswer(
  401,
  'unsigned',
  "X-Hub-Signature-256 is missing or wrong: set the webhook's secret to GITHUB_WEBHOOK_SECRET",
);

const UNREAD: Readonly<Record<Exclude<Body, Buffer>, Answer>> = {
  gone: errorAnswer(400, 'broken-off', 'the body broke off'),
  'too-large': errorAnswer(413, 'too-large', 'the body is larger than any delivery may be'),
  'too-slow': errorAnswer(408, 'too-slow', 'the body did not come in time'),
  'no-room': {
    ...errorAnswer(503, 'busy', 'too many deliveries at once: send it again later'),
    headers: { 'Retry-After': '10' },
  },
};

/** Without options it is off, and says what turns it on. */
export function webhookRoute(options: WebhookOptions | undefined): Route {
  const receive = options ? createReceiver(options) : () => OFF;
  return { method: 'POST', path: PATH, handle: ({ req }) => receive(req) };
}

function createReceiver(options: WebhookOptions): (request: IncomingMessage) => Promise<Answer> {
  const limits = { ...LIMITS, ...options.limits };
  const bodyLimits = { ...limits, room: createRoom(limits.roomBytes) };
  const verify = createVerify(options.secret);
  const ids = createDeliveryIds(limits.ids);
  const tally = createTally(limits.tellMs, (count) => options.log.warn(unsigned(count)));
  const refuse = (): Answer => {
    tally.count();
    return UNSIGNED;
  };
  return async (request) => {
    const { headers } = request;
    const signature = signatureOf(headers);
    if (signature === undefined) return refuse();
    const fault = formFault(headers);
    if (fault !== undefined) return errorAnswer(415, 'unsupported-media-type', fault);
    return withBody(request, bodyLimits, async (body) => {
      if (!Buffer.isBuffer(body)) return UNREAD[body];
      const text = await verify(body, signature);
      return text === undefined ? refuse() : accept(text, headers, ids, options);
    });
  };
}

/** A delivery that was signed. */
function accept(
  text: string,
  headers: IncomingHttpHeaders,
  ids: DeliveryIds,
  { hints, log }: WebhookOptions,
): Answer {
  const id = wordOf(headers['x-github-delivery']);
  const event = wordOf(headers['x-github-event']);
  if (id === undefined || event === undefined)
    return bad('X-GitHub-Delivery and X-GitHub-Event must name the delivery and its event');
  const payload = parse(text);
  if (payload === undefined) return bad('the body must be a JSON object');
  const answer = { status: event === 'ping' ? 200 : 202, body: { ok: true } };
  if (!ids.add(id)) {
    log.debug(`delivery ${id} came again: ignored`);
    return answer;
  }
  const hint = event === 'push' ? pushHint(payload) : undefined;
  if (hint) hints.push(hint);
  else log.debug(`delivery ${id} (${event}) says nothing to look at: ignored`);
  return answer;
}

/** Why the body is of a form that is not read. */
function formFault(headers: IncomingHttpHeaders): string | undefined {
  if (!/^application\/json *(; *charset="?utf-8"?)?$/i.test(headers['content-type'] ?? ''))
    return "set the webhook's content type to application/json";
  if (!/^(identity)?$/i.test(headers['content-encoding'] ?? '')) return 'send the body without compression';
  return undefined;
}

/** A header that came once and holds a plain word. */
function wordOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' && /^[\w-]{1,100}$/.test(value) ? value : undefined;
}

/** Undefined for what is no JSON object. */
function parse(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function bad(message: string): Answer {
  return errorAnswer(400, 'bad-request', message);
}

function unsigned(count: number): string {
  const deliveries = count === 1 ? 'a delivery' : `${count} deliveries`;
  return `${deliveries} to ${PATH} refused: not signed with GITHUB_WEBHOOK_SECRET`;
}
