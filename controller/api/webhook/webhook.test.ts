/** RELIABILITY B94–B101 and B104, over a real socket, with payloads that GitHub sent. */
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import {
  delivery,
  examplesOf,
  oneOfEach,
  pushOf,
  send,
  signatureOf,
} from '../../../test/support/github-deliveries.ts';
import { head, rawRequest } from '../../../test/support/raw-http.ts';
import { until } from '../../../test/support/until.ts';
import type { PushHint } from '../../loop/hints.ts';
import { createApp } from '../app.ts';
import type { WebhookOptions } from './webhook.ts';

const SECRET = 'a secret of the webhook';
const REPO = 'https://github.com/acme/blog';
const PUSH = pushOf({ repo: REPO, after: 'a'.repeat(40) });
const HINT = {
  place: 'github.com/acme/blog',
  ref: 'refs/heads/main',
  after: 'a'.repeat(40),
  defaultBranch: 'main',
};

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

interface World {
  readonly url: string;
  readonly port: number;
  readonly hints: PushHint[];
  readonly log: string[];
  readonly bugs: unknown[];
}

async function serve(limits: NonNullable<WebhookOptions['limits']> = {}): Promise<World> {
  const world = { hints: [] as PushHint[], log: [] as string[], bugs: [] as unknown[] };
  const app = createApp({
    health: () => ({ ok: true, reasons: [] }),
    onError: (error) => world.bugs.push(error),
    webhook: {
      ...{ secret: SECRET, limits, hints: { push: (hint) => world.hints.push(hint) } },
      log: { debug: () => undefined, warn: (line) => world.log.push(line) },
    },
  });
  const server = createServer(app.callback());
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { ...world, port, url: `http://127.0.0.1:${port}` };
}

const codeOf = (body: unknown): string => (body as { error?: { code?: string } }).error?.code ?? '';

test('a push that was signed is a hint, and answered at once', async () => {
  const world = await serve();
  const { status, body } = await send(world.url, delivery(SECRET, 'push', PUSH));
  expect({ status, body }).toEqual({ status: 202, body: { ok: true } });
  expect(world.hints).toEqual([HINT]);
  expect(world.log).toEqual([]);
});

describe('a signature', () => {
  const body = JSON.stringify(PUSH);
  const good = signatureOf(SECRET, body);
  const { 'x-hub-signature-256': _, ...unsigned } = delivery(SECRET, 'push', PUSH).headers;

  test.each<[string, string]>([
    ['of another secret', signatureOf('another secret', body)],
    ['of another body', signatureOf(SECRET, `${body} `)],
    ['of the JSON written anew', signatureOf(SECRET, JSON.stringify(PUSH, undefined, 1))],
    ['that is short', good.slice(0, -1)],
    ['that is long', `${good}0`],
    ['that is empty', ''],
    ['without its prefix', good.slice(7)],
    ['with another prefix', good.replace('sha256', 'sha512')],
    ['in upper case', `sha256=${good.slice(7).toUpperCase()}`],
    ['that is no hex', `sha256=${'z'.repeat(64)}`],
    ['twice in one header', `${good}, ${good}`],
  ])('%s is refused', async (_what, signature) => {
    const world = await serve();
    const headers = { ...unsigned, 'x-hub-signature-256': signature };
    const answer = await send(world.url, { headers, body });
    expect(answer.status).toBe(401);
    expect(codeOf(answer.body)).toBe('unsigned');
    expect(world.hints).toEqual([]);
  });

  test('that is missing, or of the older kind alone, is refused', async () => {
    const world = await serve();
    const { 'x-hub-signature': _, ...bare } = unsigned;
    const answers = [
      await send(world.url, { headers: unsigned, body }),
      await send(world.url, { headers: bare, body }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([401, 401]);
    expect(world.hints).toEqual([]);
  });

  test('that comes in two headers is refused, be they equal or not', async () => {
    const world = await serve();
    for (const other of [good, signatureOf('another secret', body)]) {
      const more = [`X-Hub-Signature-256: ${good}`, `X-Hub-Signature-256: ${other}`];
      const request = head({ ...unsigned, 'content-length': Buffer.byteLength(body) }, more);
      const { socket, answer } = rawRequest(world.port, request + body);
      expect((await answer)?.status).toBe(401);
      socket.destroy();
    }
    expect(world.hints).toEqual([]);
  });

  test('is over the raw bytes: an empty body and one that is no text are refused, however signed', async () => {
    const world = await serve();
    const bytes = Buffer.from('{"ref":"\xff"}', 'latin1');
    for (const odd of ['', bytes]) {
      const { status } = await send(world.url, delivery(SECRET, 'push', odd));
      expect(status).toBe(401);
    }
    const words = { ...PUSH, pusher: { name: 'Zoë 🐙' } };
    expect((await send(world.url, delivery(SECRET, 'push', words))).status).toBe(202);
    expect(world.bugs).toEqual([]);
  });

  test('that is wrong gets one and the same answer, whatever is wrong with it', async () => {
    const world = await serve();
    const texts = new Set<string>();
    for (const signature of [good.slice(1), 'sha256=', signatureOf('another secret', body)]) {
      const headers = { ...unsigned, 'x-hub-signature-256': signature };
      texts.add(JSON.stringify((await send(world.url, { headers, body })).body));
    }
    texts.add(JSON.stringify((await send(world.url, { headers: unsigned, body: 'x' })).body));
    expect(texts.size).toBe(1);
  });

  test('that is wrong is told at once, and a thousand of them in one more line', async () => {
    const world = await serve({ tellMs: 300 });
    for (let n = 0; n < 20; n += 1) await send(world.url, { headers: unsigned, body });
    await until('the second line', () => world.log.length === 2, 2000);
    expect(world.log).toEqual([
      'a delivery to /webhooks/github refused: not signed with GITHUB_WEBHOOK_SECRET',
      '19 deliveries to /webhooks/github refused: not signed with GITHUB_WEBHOOK_SECRET',
    ]);
  });
});

describe('a body', () => {
  const signed = { ...delivery(SECRET, 'push', 'x').headers };

  test('over the limit is refused as soon as its length is told, and is not read', async () => {
    const world = await serve();
    const { answer, closed } = rawRequest(
      world.port,
      head({ ...signed, 'content-length': 25 * 2 ** 20 + 1 }),
    );
    expect((await answer)?.status).toBe(413);
    await closed;
  });

  test('of the largest size that GitHub sends is read', async () => {
    const world = await serve();
    const large = { ...PUSH, padding: '' };
    const room = 25 * 2 ** 20 - JSON.stringify(large).length;
    const { status } = await send(
      world.url,
      delivery(SECRET, 'push', { ...large, padding: 'x'.repeat(room) }),
    );
    expect(status).toBe(202);
    expect(world.hints).toEqual([HINT]);
  });

  test('in chunks is refused once they are over the limit, and who goes on sending is cut off', async () => {
    const world = await serve({ maxBytes: 100_000 });
    const { socket, answer, closed } = rawRequest(
      world.port,
      head({ ...signed, 'transfer-encoding': 'chunked' }),
    );
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
    const timer = setInterval(() => socket.write(chunk), 1);
    expect((await answer)?.status).toBe(413);
    await closed;
    clearInterval(timer);
  });

  test('of many tiny chunks is one body', async () => {
    const world = await serve();
    const body = JSON.stringify(PUSH);
    const chunks = [...body].map((char) => `1\r\n${char}\r\n`).join('');
    const { headers } = delivery(SECRET, 'push', body);
    const { socket, answer } = rawRequest(
      world.port,
      `${head({ ...headers, 'transfer-encoding': 'chunked' })}${chunks}0\r\n\r\n`,
    );
    expect((await answer)?.status).toBe(202);
    expect(world.hints).toEqual([HINT]);
    socket.destroy();
  });

  test('that comes by drips is refused when its time is over', async () => {
    const world = await serve({ timeoutMs: 150 });
    const { socket, answer, closed } = rawRequest(world.port, head({ ...signed, 'content-length': 1000 }));
    const timer = setInterval(() => socket.write('x'), 10);
    expect((await answer)?.status).toBe(408);
    await closed;
    clearInterval(timer);
    expect(world.bugs).toEqual([]);
  });

  test('that is shorter than it says is waited for, and longer is another request', async () => {
    const world = await serve({ timeoutMs: 150 });
    const body = JSON.stringify(PUSH);
    const { headers } = delivery(SECRET, 'push', body);
    const short = rawRequest(world.port, head({ ...headers, 'content-length': body.length + 1 }) + body);
    expect((await short.answer)?.status).toBe(408);
    const long = rawRequest(world.port, head({ ...headers, 'content-length': body.length - 1 }) + body);
    // What is left over is no request, which may be found before the rest is judged.
    expect([400, 401]).toContain((await long.answer)?.status);
    await Promise.all([short.closed, long.closed]);
    expect(world.hints).toEqual([]);
  });

  test('with two lengths, or a length and chunks, is no request', async () => {
    const world = await serve();
    for (const more of [['content-length: 4'], ['transfer-encoding: chunked']]) {
      const { answer, closed } = rawRequest(
        world.port,
        `${head({ ...signed, 'content-length': 5 }, more)}12345`,
      );
      expect((await answer)?.status).toBe(400);
      await closed;
    }
  });

  test("that breaks off is nobody's fault", async () => {
    const world = await serve();
    const { socket, closed } = rawRequest(world.port, `${head({ ...signed, 'content-length': 1000 })}{`);
    setTimeout(() => socket.destroy(), 50);
    await closed;
    expect((await send(world.url, delivery(SECRET, 'push', PUSH))).status).toBe(202);
    expect(world.bugs).toEqual([]);
  });

  test('that is packed is not unpacked', async () => {
    const world = await serve();
    const bomb = gzipSync(Buffer.alloc(2 ** 20, ' '));
    for (const encoding of ['gzip', 'br', 'deflate', 'identity, gzip']) {
      const { status } = await send(
        world.url,
        delivery(SECRET, 'push', bomb, { 'content-encoding': encoding }),
      );
      expect(status).toBe(415);
    }
    const plain = delivery(SECRET, 'push', PUSH, { 'content-encoding': 'identity' });
    expect((await send(world.url, plain)).status).toBe(202);
  });

  test('finds no room while others fill it, and finds it again after them', async () => {
    const world = await serve({ roomBytes: 300_000, timeoutMs: 400 });
    const half = `${head({ ...signed, 'content-length': 200_001 })}${'x'.repeat(200_000)}`;
    const { answer, closed } = rawRequest(world.port, half);
    const large = delivery(SECRET, 'push', { ...PUSH, padding: 'x'.repeat(150_000) });
    const refused = await until(
      'one that finds no room',
      async () => {
        const { status, headers } = await send(world.url, large);
        return status === 503 && headers.get('retry-after');
      },
      400,
    );
    expect(refused).toBe('10');
    expect((await answer)?.status).toBe(408);
    await closed;
    expect(
      (await send(world.url, { ...large, headers: { ...large.headers, 'x-github-delivery': randomUUID() } }))
        .status,
    ).toBe(202);
  });
});

describe('a payload', () => {
  test.each<[string, string, number]>([
    ['no JSON', '{"ref":', 400],
    ['nothing but spaces', '   ', 400],
    ['a list', '[]', 400],
    ['a word', '"push"', 400],
    ['a number', '1', 400],
    ['null', 'null', 400],
    ['form-encoded', `payload=${encodeURIComponent(JSON.stringify(PUSH))}`, 400],
    ['100,000 lists deep', `{"repository":${'['.repeat(1e5)}${']'.repeat(1e5)}}`, 202],
    ['100,000 objects deep', `${'{"repository":'.repeat(1e5)}1${'}'.repeat(1e5)}`, 202],
    ['empty', '{}', 202],
    ['with null for a repository', JSON.stringify({ ...PUSH, repository: null }), 202],
    ['with a list for a repository', JSON.stringify({ ...PUSH, repository: [] }), 202],
    ['with a text for a repository', JSON.stringify({ ...PUSH, repository: REPO }), 202],
    ['without a ref', JSON.stringify({ ...PUSH, ref: undefined }), 202],
    ['with a number for a ref', JSON.stringify({ ...PUSH, ref: 7 }), 202],
    ['with a ref that is none', JSON.stringify({ ...PUSH, ref: 'refs/heads/a\nb' }), 202],
    ['with a commit that is none', JSON.stringify({ ...PUSH, after: '--upload-pack=x' }), 202],
    ['with a repository it inherits', JSON.stringify(PUSH).replace('"repository":', '"__proto__":'), 202],
    [
      'with fields it inherits',
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}',
      202,
    ],
  ])('%s', async (_what, body, status) => {
    const world = await serve();
    expect((await send(world.url, delivery(SECRET, 'push', body))).status).toBe(status);
    expect(world.hints).toEqual([]);
    expect(world.bugs).toEqual([]);
    expect(Object.prototype).not.toHaveProperty('polluted');
  });

  test('says a repo by its addresses, and by its name alone where it has none', async () => {
    const world = await serve();
    const { repository } = PUSH as { repository: Record<string, unknown> };
    for (const change of [
      { clone_url: 7 },
      { clone_url: 'git@x:y', html_url: undefined },
      { clone_url: 'x'.repeat(1e6) },
    ]) {
      const payload = { ...PUSH, repository: { ...repository, ...change } };
      expect((await send(world.url, delivery(SECRET, 'push', payload))).status).toBe(202);
    }
    expect(world.hints.map(({ place }) => place)).toEqual([
      'github.com/acme/blog',
      '/acme/blog',
      'github.com/acme/blog',
    ]);
  });

  test('of every push that was recorded is taken as it is', async () => {
    const world = await serve();
    for (const payload of examplesOf('push'))
      expect((await send(world.url, delivery(SECRET, 'push', payload))).status).toBe(202);
    const [first] = world.hints;
    expect(first).toEqual({
      place: 'github.com/codertocat/hello-world',
      ref: 'refs/tags/simple-tag',
      after: '6113728f27ae82c7b1a177c8d03f9e96e0adf246',
      defaultBranch: 'master',
    });
    expect(world.hints).toHaveLength(7);
  });
});

describe('a delivery', () => {
  test('of a ping is answered with 200, that of an organisation too', async () => {
    const world = await serve();
    for (const payload of examplesOf('ping'))
      expect((await send(world.url, delivery(SECRET, 'ping', payload))).status).toBe(200);
    expect(world.hints).toEqual([]);
  });

  test('of any other event is accepted and ignored', async () => {
    const world = await serve();
    const others = oneOfEach().filter(({ event }) => event !== 'push' && event !== 'ping');
    expect(others.length).toBeGreaterThan(50);
    for (const { event, payload } of others)
      expect((await send(world.url, delivery(SECRET, event, payload))).status, event).toBe(202);
    expect((await send(world.url, delivery(SECRET, 'not_invented_yet', PUSH))).status).toBe(202);
    expect(world.hints).toEqual([]);
  });

  test('that comes again does nothing, and the oldest ids are forgotten', async () => {
    const world = await serve({ ids: 2 });
    const first = delivery(SECRET, 'push', PUSH);
    for (let n = 0; n < 3; n += 1) expect((await send(world.url, first)).status).toBe(202);
    expect(world.hints).toHaveLength(1);
    for (let n = 0; n < 2; n += 1) await send(world.url, delivery(SECRET, 'push', PUSH));
    expect(world.hints).toHaveLength(3);
    expect((await send(world.url, first)).status).toBe(202);
    expect(world.hints).toHaveLength(4);
  });

  test('that was not signed uses up no id', async () => {
    const world = await serve();
    const good = delivery(SECRET, 'push', PUSH);
    await send(
      world.url,
      delivery('another secret', 'push', PUSH, {
        'x-github-delivery': good.headers['x-github-delivery'] ?? '',
      }),
    );
    await send(world.url, good);
    expect(world.hints).toEqual([HINT]);
  });

  test.each([
    ['application/x-www-form-urlencoded', 415],
    ['text/plain', 415],
    ['application/json; charset=utf-16', 415],
    ['application/jsonp', 415],
    ['application/json; charset=utf-8', 202],
    ['Application/JSON;charset="UTF-8"', 202],
  ])('of the type %s', async (type, status) => {
    const world = await serve();
    const answer = await send(world.url, delivery(SECRET, 'push', PUSH, { 'content-type': type }));
    expect(answer.status).toBe(status);
    if (status === 415) expect(JSON.stringify(answer.body)).toContain('application/json');
  });

  test.each([
    ['x-github-delivery', ''],
    ['x-github-delivery', 'x'.repeat(101)],
    ['x-github-event', ''],
    ['x-github-event', 'push push'],
  ])('whose %s is "%s" is no delivery', async (name, value) => {
    const world = await serve();
    expect((await send(world.url, delivery(SECRET, 'push', PUSH, { [name]: value }))).status).toBe(400);
    expect(world.hints).toEqual([]);
  });

  test('is the same wherever it says that it comes from', async () => {
    const world = await serve();
    const forged = {
      'x-forwarded-for': '140.82.112.1',
      'cf-connecting-ip': '140.82.112.1',
      host: 'github.com',
    };
    const { headers, body } = delivery('another secret', 'push', PUSH, forged);
    expect((await send(world.url, { headers, body })).status).toBe(401);
  });
});

test('only POST is answered, on this path alone', async () => {
  const world = await serve();
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    const answer = await fetch(`${world.url}/webhooks/github`, { method });
    expect({ status: answer.status, allow: answer.headers.get('allow') }).toEqual({
      status: 405,
      allow: 'POST',
    });
  }
  for (const path of ['/webhooks', '/webhooks/github/', '/webhooks/gitlab', '/Webhooks/github']) {
    const { headers, body } = delivery(SECRET, 'push', PUSH);
    expect((await fetch(world.url + path, { method: 'POST', headers, body })).status).toBe(404);
  }
  expect(world.hints).toEqual([]);
});

test('without a secret it is off, and says which setting turns it on', async () => {
  const server = createServer(createApp({ health: () => ({ ok: true, reasons: [] }) }).callback());
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { status, body } = await send(url, delivery('', 'push', PUSH));
  expect(status).toBe(404);
  expect(body).toEqual({
    error: { code: 'webhook-off', message: 'webhooks are off: set GITHUB_WEBHOOK_SECRET' },
  });
});
