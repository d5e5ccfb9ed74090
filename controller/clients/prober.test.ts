import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { createProber, type ProberOptions } from './prober.ts';
import type { Prober, ProbeTarget } from './types.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const health = { intervalMs: 50, timeoutMs: 5_000 };

async function serve(answer: http.RequestListener): Promise<number> {
  const server = http.createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function listen(onConnection: (socket: net.Socket) => void): Promise<number> {
  const server = net.createServer(onConnection).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

function prober(options: Partial<ProberOptions> = {}): Prober {
  const made = createProber({ onChange: () => {}, readyIntervalMs: 20, timeoutMs: 300, ...options });
  closers.push(() => made.close());
  return made;
}

function target(port: number, path?: string): ProbeTarget {
  return { key: 'web', http: { port }, health: { ...health, ...(path && { path }) } };
}

const ready = (probes: Prober) =>
  vi.waitFor(() => expect(probes.look('web')?.ready).toBe(true), { timeout: 5_000 });
const says = (probes: Prober, detail: string | RegExp) =>
  vi.waitFor(() => expect(probes.look('web')?.detail).toMatch(detail), { timeout: 5_000 });

it('needs two good answers in a row, tells once, and counts since then', async () => {
  const answers = [200, 500, 200, 500, 404, 200];
  let asked = 0;
  const port = await serve((_request, response) => {
    response.statusCode = answers[asked++] ?? 200;
    response.end('x');
  });
  const onChange = vi.fn();
  const probes = prober({ onChange, readyIntervalMs: 60_000 });
  probes.track([target(port)]);
  expect(probes.look('web')).toMatchObject({ ready: false });
  await ready(probes);
  expect(asked).toBe(6);
  expect(onChange.mock.calls).toEqual([['web']]);
  expect(probes.look('web')).not.toHaveProperty('detail');
  expect(probes.look('web')?.sinceMs).toBeLessThan(2_000);
});

it('takes it back after three bad answers in a row, not after two', async () => {
  const bad = new Set([4, 5, 8, 9, 10]);
  let asked = 0;
  const port = await serve((_request, response) => {
    asked += 1;
    response.statusCode = bad.has(asked) ? 502 : 200;
    response.end();
  });
  const changes: number[] = [];
  const probes = prober({ onChange: () => changes.push(asked) });
  probes.track([target(port)]);
  await vi.waitFor(() => expect(changes).toEqual([2, 10, 12]), { timeout: 5_000 });
});

it('asks anew, as for the first time, after a reset', async () => {
  const port = await serve((_request, response) => response.end());
  const probes = prober({ readyIntervalMs: 60_000 });
  probes.track([target(port)]);
  await ready(probes);
  probes.reset('web');
  expect(probes.look('web')?.ready).toBe(false);
  await ready(probes);
});

it('keeps what it knows of a target that is tracked again, and forgets the one that is left out', async () => {
  const port = await serve((_request, response) => response.end());
  const probes = prober();
  probes.track([target(port)]);
  await ready(probes);
  probes.track([target(port), { ...target(port), key: 'other' }]);
  expect(probes.look('web')?.ready).toBe(true);
  probes.track([target(port, '/up')]);
  expect(probes.look('web')?.ready).toBe(false);
  expect(probes.look('other')).toBeUndefined();
});

it('says what the last bad answer was', async () => {
  const probes = prober();
  probes.track([target(await serve((_request, response) => response.writeHead(502).end()))]);
  await says(probes, 'GET / answered 502');
  probes.track([target(await serve((_request, response) => response.writeHead(404).end()), '/up?deep=1')]);
  await says(probes, 'GET /up?deep=1 answered 404');
});

it('says that a connection is refused, that it was closed, that nothing came, that it is not HTTP', async () => {
  const probes = prober();
  const free = await listen(() => {});
  closers.pop()?.();
  probes.track([target(free)]);
  await says(probes, `connection refused on 127.0.0.1:${free}`);
  probes.track([target(await listen((socket) => socket.end()))]);
  await says(probes, /^connection closed without an answer to GET \/ on 127\.0\.0\.1:\d+$/);
  probes.track([target(await listen((socket) => socket.on('error', () => {})))]);
  await says(probes, /^no answer within 0\.3 s to GET \//);
  probes.track([target(await listen((socket) => socket.end('SSH-2.0-x\r\n\r\n')))]);
  await says(probes, /is not HTTP$/);
});

it('takes a redirect as an answer and does not follow it', async () => {
  let followed = 0;
  const elsewhere = await serve((_request, response) => {
    followed += 1;
    response.end();
  });
  const location = `http://127.0.0.1:${elsewhere}/`;
  const port = await serve((_request, response) => response.writeHead(302, { location }).end());
  const probes = prober();
  probes.track([target(port, '/up')]);
  await ready(probes);
  expect(followed).toBe(0);
});

it('is content with the status line of a body that never ends, and reads little of it', async () => {
  let closed = 0;
  const port = await serve((_request, response) => {
    const pour = () => {
      while (!response.destroyed && response.write(Buffer.alloc(16_384)));
    };
    response.on('drain', pour).on('close', () => {
      closed += 1;
    });
    pour();
  });
  const probes = prober({ readyIntervalMs: 60_000 });
  probes.track([target(port)]);
  await ready(probes);
  await vi.waitFor(() => expect(closed).toBe(2), { timeout: 5_000 });
});

it('says who it is and names a host that leads nowhere', async () => {
  let headers: http.IncomingHttpHeaders = {};
  const port = await serve((request, response) => {
    headers = request.headers;
    response.end();
  });
  const probes = prober();
  probes.track([target(port)]);
  await ready(probes);
  expect(headers).toMatchObject({ host: 'localhost', 'user-agent': 'berth-probe' });
});

it('connects to an internal service by TCP', async () => {
  const port = await listen((socket) => socket.on('error', () => {}).resume());
  const probes = prober();
  probes.track([{ key: 'web', tcp: { host: '127.0.0.1', port }, health }]);
  await ready(probes);
  probes.track([{ key: 'web', health }]);
  await says(probes, 'it has no address yet');
});

it('asks nothing more once it is closed, and of 200 targets each', async () => {
  let asked = 0;
  const port = await serve((_request, response) => {
    asked += 1;
    response.end();
  });
  const probes = prober({ readyIntervalMs: 60_000, timeoutMs: 10_000 });
  const keys = Array.from({ length: 200 }, (_, index) => `web-${index}`);
  probes.track(keys.map((key) => ({ ...target(port), key })));
  await vi.waitFor(() => expect(keys.every((key) => probes.look(key)?.ready)).toBe(true), {
    timeout: 10_000,
  });
  expect(asked).toBe(400);
  probes.close();
  expect(probes.look('web-1')).toBeUndefined();
});
