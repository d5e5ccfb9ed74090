/** One question to one target: does it answer as a healthy one would? Never throws; the answer is a sentence. */
import http from 'node:http';
import net from 'node:net';
import type { ProbeTarget } from './types.ts';

/** Undefined when it is healthy, else what it said instead. */
export type Answer = string | undefined;

const MAX_BODY_BYTES = 64 * 1024;

/** No connection is kept: a probe must see what a new visitor sees. */
const agent = new http.Agent({ keepAlive: false });

/** Resolves within `timeoutMs`; rejects never. The answer to an aborted probe means nothing. */
export async function probe(target: ProbeTarget, timeoutMs: number, signal: AbortSignal): Promise<Answer> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), timeoutMs);
  const stop = () => limit.abort();
  signal.addEventListener('abort', stop, { once: true });
  const done = () => {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  };
  const late = (what: string) => `no answer within ${timeoutMs / 1000} s to ${what}`;
  const ask = { signal: limit.signal, late, done };
  if (target.http) return probeHttp(target.http.port, target.health.path, ask);
  if (target.tcp) return probeTcp(target.tcp.host, target.tcp.port, ask);
  done();
  return 'it has no address yet';
}

interface Ask {
  /** Aborted when the time is up, or when nobody wants to know any more. */
  readonly signal: AbortSignal;
  late(what: string): string;
  /** To be called when the connection is closed. */
  done(): void;
}

function probeHttp(port: number, path: string | undefined, ask: Ask): Promise<Answer> {
  const options: http.RequestOptions = {
    agent,
    host: '127.0.0.1',
    port,
    path: path ?? '/',
    headers: { host: 'localhost', 'user-agent': 'berth-probe', accept: '*/*' },
    signal: ask.signal,
  };
  const asked = `GET ${options.path}`;
  return new Promise((resolve) => {
    const fail = (error: unknown) => resolve(failure(error, `${asked} on 127.0.0.1:${port}`, ask));
    try {
      const request = http.get(options, (response) => {
        // A redirect is an answer and is not followed: a target must not be able to send the probe elsewhere.
        const status = response.statusCode ?? 0;
        const healthy = path === undefined ? status < 500 : status >= 200 && status < 400;
        resolve(healthy ? undefined : `${asked} answered ${status}`);
        dropBody(response);
      });
      request.on('error', fail);
      request.on('close', () => {
        ask.done();
        fail({ code: 'ECONNRESET' });
      });
    } catch (error) {
      ask.done();
      fail(error);
    }
  });
}

/** Reads a little, so that an ordinary page is not cut off and logged as an error by the app, and no more. */
function dropBody(response: http.IncomingMessage): void {
  let bytes = 0;
  // The verdict is out already; how the rest ends changes nothing.
  response.on('error', () => response.destroy());
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) response.destroy();
  });
}

function probeTcp(host: string, port: number, ask: Ask): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port, signal: ask.signal });
    socket.on('connect', () => {
      resolve(undefined);
      socket.destroy();
    });
    socket.on('error', (error) => resolve(failure(error, `${host}:${port}`, ask)));
    socket.on('close', () => ask.done());
  });
}

function failure(error: unknown, what: string, ask: Ask): string {
  if (ask.signal.aborted) return ask.late(what);
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code === 'ECONNREFUSED') return `connection refused on ${what.split(' ').at(-1)}`;
  // The engine accepts on a published port before the app listens, and then closes.
  if (code === 'ECONNRESET') return `connection closed without an answer to ${what}`;
  if (String(code).startsWith('HPE_')) return `the answer to ${what} is not HTTP`;
  return `${what} failed: ${String(code ?? message)}`;
}
