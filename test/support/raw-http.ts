/** HTTP by hand, for requests that a well-behaved client would never send. */
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly body: string;
}

export interface RawConnection {
  readonly socket: Socket;
  /** The first answer, whole; undefined when the connection ended without one. */
  readonly answer: Promise<RawAnswer | undefined>;
  /** Resolves when the connection is over. */
  readonly closed: Promise<void>;
}

/** Connects to a port of 127.0.0.1 and writes this. */
export function rawRequest(port: number, text: string | Buffer): RawConnection {
  const socket = connect(port, '127.0.0.1');
  let got = '';
  let settle: (answer: RawAnswer | undefined) => void = () => {};
  const answer = new Promise<RawAnswer | undefined>((resolve) => {
    settle = resolve;
  });
  socket.on('data', (chunk) => {
    got += chunk.toString('latin1');
    const whole = wholeAnswer(got);
    if (whole) settle(whole);
  });
  // What was read before a reset still counts.
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  void closed.then(() => settle(undefined));
  socket.write(text);
  return { socket, answer, closed };
}

/** Head of a POST to the webhook. */
export function head(
  headers: Readonly<Record<string, string | number>>,
  more: readonly string[] = [],
): string {
  const lines = [...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), ...more];
  return ['POST /webhooks/github HTTP/1.1', 'host: localhost', ...lines, '', ''].join('\r\n');
}

function wholeAnswer(text: string): RawAnswer | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]);
  const length = Number(/^content-length: (\d+)/im.exec(text.slice(0, end))?.[1] ?? 0);
  const body = text.slice(end + 4);
  return body.length >= length ? { status, body: body.slice(0, length) } : undefined;
}
