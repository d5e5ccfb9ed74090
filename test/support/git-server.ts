/**
 * A real Git server over HTTP on 127.0.0.1: `git http-backend` behind node:http, serving the bare repos of a directory
 * as `/<name>`. It counts requests, keeps the Authorization headers it saw, and misbehaves on demand. Everybody it lets in
 * may push, and hooks of a repo run.
 */
import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Fault =
  | 'html'
  | 'not found'
  | 'unauthorized'
  | 'forbidden'
  | 'server error'
  | 'empty refs'
  | 'stall'
  | 'drip'
  | 'truncated'
  | 'reset';

export interface GitServer {
  readonly url: string;
  readonly origin: string;
  readonly port: number;
  /** `GET /blog/info/refs`, in order. */
  readonly requests: string[];
  readonly authorizations: string[];
  /** What the next requests get instead of Git. */
  fault: Fault | undefined;
  /** Redirects every request to this origin, path kept. */
  redirectTo: string | undefined;
  /** Whom it lets in; everybody when undefined. */
  login: { username: string; password: string } | undefined;
  /** What a push gets: refused before it begins, or done and its answer lost on the way. */
  pushFault: Fault | 'answer lost' | 'answer cut' | undefined;
  /** Called when a push has come, before Git sees it. */
  beforePush: (() => void) | undefined;
  /** Limits the speed of pack answers, bytes a second. */
  packBytesPerSecond: number | undefined;
  close(): Promise<void>;
}

/** Serves the bare repos below `root`. */
export async function startGitServer(root: string): Promise<GitServer> {
  const http = createServer((request, response) => handle(server, root, request, response));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const server: GitServer = {
    url: origin,
    origin,
    port,
    requests: [],
    authorizations: [],
    fault: undefined,
    redirectTo: undefined,
    login: undefined,
    pushFault: undefined,
    beforePush: undefined,
    packBytesPerSecond: undefined,
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
  return server;
}

/** An origin that nothing should ever ask: counts connections' requests and remembers what they carried. */
export async function startCanary(): Promise<GitServer> {
  const server = await startGitServer('/nonexistent');
  server.fault = 'not found';
  return server;
}

function handle(server: GitServer, root: string, request: IncomingMessage, response: ServerResponse): void {
  const path = (request.url ?? '/').replace(/\?.*$/, '');
  server.requests.push(`${request.method} ${path}`);
  const { authorization } = request.headers;
  if (authorization !== undefined) server.authorizations.push(authorization);
  if (server.redirectTo !== undefined) {
    response.writeHead(302, { location: `${server.redirectTo}${request.url}` }).end();
    return;
  }
  if (server.login && authorization !== basic(server.login)) {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    return;
  }
  const isPush = `${path}${request.url}`.includes('git-receive-pack');
  if (isPush && request.method === 'POST') server.beforePush?.();
  const { pushFault } = server;
  const isLost = pushFault === 'answer lost' || pushFault === 'answer cut';
  if (server.fault) fail(server.fault, response);
  else if (isPush && pushFault && !isLost) fail(pushFault, response);
  else backend(server, root, request, response);
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

const ADVERTISEMENT = { 'content-type': 'application/x-git-upload-pack-advertisement' };

function fail(fault: Fault, response: ServerResponse): void {
  if (fault === 'html') response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Sign in</html>');
  else if (fault === 'not found') response.writeHead(404).end();
  else if (fault === 'unauthorized')
    response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
  else if (fault === 'forbidden') response.writeHead(403).end();
  else if (fault === 'server error') response.writeHead(503).end();
  else if (fault === 'stall') response.writeHead(200, ADVERTISEMENT).flushHeaders();
  else if (fault === 'truncated')
    response.writeHead(200, ADVERTISEMENT).end('001e# service=git-upload-pack\n0000000eversion 2\n');
  else if (fault === 'empty refs')
    response.writeHead(200, ADVERTISEMENT).end('001e# service=git-upload-pack\n00000000');
  else if (fault === 'reset') {
    response.writeHead(200, ADVERTISEMENT).write('001e# service=git-upload-pack\n0000');
    setTimeout(() => response.destroy(), 20);
  } else drip(response);
}

/** One byte a second, for ever. */
function drip(response: ServerResponse): void {
  response.writeHead(200, ADVERTISEMENT);
  const timer = setInterval(() => response.write('0'), 1000);
  response.on('close', () => clearInterval(timer));
}

/** CGI, RFC 3875, as much of it as git needs. */
function backend(server: GitServer, root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://x');
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_COUNT: '3',
      GIT_CONFIG_KEY_2: 'http.receivepack',
      GIT_CONFIG_VALUE_2: 'true',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
      GIT_CONFIG_KEY_1: 'uploadpack.allowAnySHA1InWant',
      GIT_CONFIG_VALUE_1: 'true',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      HTTP_CONTENT_ENCODING: String(request.headers['content-encoding'] ?? ''),
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      REMOTE_ADDR: '127.0.0.1',
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.on('error', () => undefined);
  request.pipe(child.stdin);
  response.on('close', () => child.kill('SIGKILL'));
  const { pushFault } = server;
  if (request.method === 'POST' && url.pathname.endsWith('/git-receive-pack') && pushFault) {
    loseAnswer(pushFault === 'answer lost', child.stdout, response);
    return;
  }
  let head = Buffer.alloc(0);
  child.stdout.on('data', (chunk: Buffer) => {
    if (response.headersSent) {
      send(server, response, chunk, child.stdout);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end === -1) return;
    writeHead(response, head.subarray(0, end).toString());
    send(server, response, head.subarray(end + 4), child.stdout);
  });
  child.stdout.on('end', () => response.end());
}

/** Git has done the push by the time its answer has ended; of that, nothing arrives, or the first line. */
function loseAnswer(all: boolean, answer: NodeJS.ReadableStream, response: ServerResponse): void {
  answer.resume();
  answer.on('end', () => {
    if (all) response.destroy();
    else
      response
        .writeHead(200, { 'content-type': 'application/x-git-receive-pack-result' })
        .end('0030\x01000eunpack ok\n');
  });
}

function writeHead(response: ServerResponse, text: string): void {
  const lines = text.split('\r\n').map((line) => line.split(/:\s*/, 2) as [string, string]);
  const status = lines.find(([name]) => name.toLowerCase() === 'status')?.[1] ?? '200';
  response.statusCode = Number.parseInt(status, 10);
  for (const [name, value] of lines) if (name.toLowerCase() !== 'status') response.setHeader(name, value);
  response.flushHeaders();
}

function send(
  server: GitServer,
  response: ServerResponse,
  chunk: Buffer,
  source: { pause(): void; resume(): void },
): void {
  response.write(chunk);
  const isPack = String(response.getHeader('content-type')).includes('upload-pack-result');
  if (server.packBytesPerSecond === undefined || !isPack || chunk.length < 100) return;
  source.pause();
  setTimeout(() => source.resume(), (chunk.length / server.packBytesPerSecond) * 1000);
}
