/**
 * Serves /site on PORT: the file, else `404.html`, else, for an app with routes of its own, `index.html`.
 * Files of an image have no true times, so what browsers compare is the version of the whole site.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import sirv from 'sirv';

const SITE = '/site';
const STOP_MS = 9_000;
const etag = `W/"${readFileSync(`${SITE}/.version`, 'utf8')}"`;
const started = new Date().toUTCString();
const serve = sirv(SITE, { maxAge: 0 });
const notFound = page('404.html');
const index = process.env.BERTH_FALLBACK && notFound === undefined ? page('index.html') : undefined;
let stopping = false;

const server = createServer((request, response) => {
  if (stopping) response.setHeader('Connection', 'close');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return answer(response, 405, 'method not allowed\n', { Allow: 'GET, HEAD' });
  }
  response.setHeader('X-Content-Type-Options', 'nosniff');
  // Only who got this version of an address has its tag.
  const known = request.headers['if-none-match']?.split(',').map((tag) => tag.trim());
  if (known?.includes(etag)) return response.writeHead(304, { ETag: etag }).end();

  // Sirv ends the file's stream neither when the visitor goes away nor when reading fails.
  response.on('pipe', (file) => {
    file.on('error', () => response.destroy());
    response.on('close', () => file.destroy());
  });
  response.setHeader('ETag', etag);
  response.setHeader('Last-Modified', started);
  serve(request, response, () => missing(request, response));
});

function missing(request, response) {
  response.removeHeader('ETag');
  response.removeHeader('Last-Modified');
  const html = { 'Content-Type': 'text/html;charset=utf-8', 'Cache-Control': 'no-cache' };
  const isPage = /text\/html/.test(request.headers.accept ?? '') && !/\.\w+$/.test(request.url.split('?')[0]);
  if (index !== undefined && isPage) return answer(response, 200, index, html);
  if (notFound !== undefined) return answer(response, 404, notFound, html);
  answer(response, 404, 'not found\n', {});
}

function answer(response, status, body, headers) {
  response.writeHead(status, {
    'Content-Type': 'text/plain',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

function page(name) {
  return existsSync(`${SITE}/${name}`) ? readFileSync(`${SITE}/${name}`) : undefined;
}

// Answers under way are finished; the engine kills after 10 s.
process.on('SIGTERM', () => {
  stopping = true;
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  setTimeout(() => process.exit(0), STOP_MS).unref();
});

server.listen(Number(process.env.PORT ?? 3000), () => console.log(`serving on ${server.address().port}`));
