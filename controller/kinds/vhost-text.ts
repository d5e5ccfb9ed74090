/**
 * A vhost as text: pure, deterministic, and the same in every mode of nginx. Nothing of the file goes in unchecked.
 *
 * `/api` and `/api/` are one prefix: `/api` itself and all below it, never `/apix`. That takes two plain locations,
 * so there are no regex locations and no rewrites.
 */

import {
  checkPort,
  listenAddress,
  quote,
  readHeader,
  siteHeader,
  variables,
} from '../clients/nginx/words.ts';
import type { Backend, Route, VhostWant } from '../core/types.ts';
import { checkVhost } from './vhost-check.ts';

/** Who writes the vhosts, and where nginx serves them. */
export interface VhostTextOptions {
  readonly owner: string;
  readonly http: { readonly host: string; readonly port: number };
}

/** A service's name in the header, and the instances it leads to. */
const SERVES = /^# serves ([a-z0-9-]+)=([a-z0-9,-]*)$/;

/** Headers of which an app may rightly send its own beside ours; any other is replaced. */
const ADDED = new Set(['link', 'set-cookie', 'vary']);

/** The nginx file of a deployment. Throws StalledError for a value that must not stand in it. */
export function renderVhost(want: VhostWant, options: VhostTextOptions): string {
  checkVhost(want, options);
  const routes = [...want.routes].sort(longestFirst);
  const main = { listen: listenAddress(options.http), names: want.hostnames, routes };
  const pinned = [...want.pinned]
    .sort((a, b) => a.port - b.port)
    .map(({ port, service }) => ({
      listen: `127.0.0.1:${checkPort(port)}`,
      names: [],
      routes: [{ prefix: '/', service, strip: false }],
    }));
  const servers = [...(want.hostnames.length > 0 ? [main] : []), ...pinned];
  return [
    ...header(want, options.owner),
    ...(want.suspended ? [] : upstreams(want, options.owner)),
    ...servers.flatMap((server) => renderServer(server, want, options.owner)),
    '',
  ].join('\n');
}

/** Service to the keys of the instances that a vhost leads to, as its header says; empty for a file without one. */
export function readServes(text: string): Record<string, string[]> {
  const lines = text.split('\n').slice(1);
  const end = lines.findIndex((line) => !SERVES.test(line));
  const pairs = lines.slice(0, end < 0 ? lines.length : end).map((line) => {
    const [, service = '', keys = ''] = SERVES.exec(line) ?? [];
    return [service, keys.split(',').filter((key) => key !== '')] as const;
  });
  return Object.fromEntries(pairs);
}

/** The hostnames that a vhost of ours takes; empty for any other text. */
export function readServerNames(text: string): readonly string[] {
  const line = ownerOf(text) === undefined ? undefined : /^ *server_name (.+);$/m.exec(text)?.[1];
  return [...(line ?? '').matchAll(/"([^"]+)"/g)].flatMap(([, name]) => name ?? []);
}

/** The owner that a vhost's first line names; undefined for a file that Berth did not write. */
export function ownerOf(text: string): string | undefined {
  return readHeader(text)?.owner;
}

interface Server {
  readonly listen: string;
  readonly names: readonly string[];
  readonly routes: readonly Route[];
}

function header(want: VhostWant, owner: string): string[] {
  const serves = want.suspended ? [] : sortedBackends(want);
  return [
    siteHeader(owner, want.deployment),
    ...serves.map(({ service, instances }) => `# serves ${service}=${instances.map((i) => i.key).join(',')}`),
  ];
}

function sortedBackends(want: VhostWant): Backend[] {
  return want.backends
    .map((backend) => ({ ...backend, instances: [...backend.instances].sort((a, b) => order(a.key, b.key)) }))
    .sort((a, b) => order(a.service, b.service));
}

/**
 * One instance is named directly: nginx reads a configuration without `upstream` blocks twice as fast. Of several, nginx
 * leaves out one that fails, but for a second only: were the others to die while it is left out, nobody would answer.
 */
function upstreams(want: VhostWant, owner: string): string[] {
  return sortedBackends(want)
    .filter(({ instances }) => instances.length > 1)
    .flatMap(({ service, instances }) => [
      '',
      `upstream ${upstreamName(owner, want.deployment, service)} {`,
      '    least_conn;',
      ...instances.map(({ port }) => `    server 127.0.0.1:${port} max_fails=3 fail_timeout=1s;`),
      '}',
    ]);
}

/** Dots part the words, since none of them may hold one. */
function upstreamName(owner: string, deployment: string, service: string): string {
  return `berth.${owner}.${deployment}.${service}`;
}

function renderServer(server: Server, want: VhostWant, owner: string): string[] {
  const { upgrade, connection, port, proto } = variables(owner);
  const seconds = want.timeoutMs === undefined ? [] : [`proxy_read_timeout ${want.timeoutMs}ms;`];
  const lines = [
    `listen ${server.listen};`,
    ...(server.names.length > 0 ? [`server_name ${server.names.map(quote).join(' ')};`] : []),
    // A reload cuts kept-alive connections, and with them the requests that are on their way.
    'keepalive_timeout 0;',
    `client_max_body_size ${want.maxBody};`,
    ...responseHeaders(want.headers),
    'proxy_http_version 1.1;',
    `proxy_set_header Host "$host${port}";`,
    `proxy_set_header Upgrade ${upgrade};`,
    `proxy_set_header Connection ${connection};`,
    'proxy_set_header X-Real-IP $remote_addr;',
    'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;',
    `proxy_set_header X-Forwarded-Proto ${proto};`,
    `proxy_set_header X-Forwarded-Host "$host${port}";`,
    'proxy_connect_timeout 5s;',
    ...seconds,
    // Streams and server-sent events go out as they come; a large response header fits.
    'proxy_buffering off;',
    'proxy_buffer_size 16k;',
    'proxy_buffers 4 16k;',
    // Nginx never sends a POST again that an instance may have seen; one it could not hand over goes to the next.
    'proxy_next_upstream error timeout;',
    'proxy_next_upstream_tries 2;',
    ...locations(server, want, owner),
  ];
  return ['', 'server {', ...lines.map((line) => `    ${line}`), '}'];
}

function responseHeaders(headers: VhostWant['headers']): string[] {
  return Object.entries(headers)
    .sort(([a], [b]) => order(a.toLowerCase(), b.toLowerCase()))
    .flatMap(([name, value]) => [
      ...(ADDED.has(name.toLowerCase()) ? [] : [`proxy_hide_header ${quote(name)};`]),
      `add_header ${quote(name)} ${quote(value)} always;`,
    ]);
}

function locations(server: Server, want: VhostWant, owner: string): string[] {
  const { deployingPage, stoppedPage } = variables(owner);
  if (want.suspended) return location('"/"', page(stoppedPage, 300, want));
  const rooted = server.routes.some(({ prefix }) => prefix === '/');
  return [
    ...server.routes.flatMap((route) => {
      const target = proxyTarget(route, want, owner);
      const body = target === undefined ? page(deployingPage, 5, want) : [`proxy_pass ${target};`];
      const base = route.prefix.replace(/\/$/, '');
      return [
        ...location(quote(`${base}/`), body),
        ...(base === '' ? [] : location(`= ${quote(base)}`, body)),
      ];
    }),
    // Without it nginx would serve its own files.
    ...(rooted ? [] : location('"/"', ['return 404;'])),
  ];
}

function proxyTarget(route: Route, want: VhostWant, owner: string): string | undefined {
  const instances = want.backends.find(({ service }) => service === route.service)?.instances ?? [];
  const [first] = instances;
  if (first === undefined) return undefined;
  const host =
    instances.length > 1 ? upstreamName(owner, want.deployment, route.service) : `127.0.0.1:${first.port}`;
  return `http://${host}${route.strip && route.prefix !== '/' ? '/' : ''}`;
}

/** A header of its own keeps a location from inheriting the server's, so they are written once more. */
function page(variable: string, retrySeconds: number, want: VhostWant): string[] {
  const others = Object.entries(want.headers).filter(
    ([name]) => !/^(retry-after|cache-control)$/i.test(name),
  );
  return [
    'default_type "text/html; charset=utf-8";',
    `add_header "Retry-After" "${retrySeconds}" always;`,
    'add_header "Cache-Control" "no-store" always;',
    ...responseHeaders(Object.fromEntries(others)).filter((line) => line.startsWith('add_header')),
    `return 503 ${variable};`,
  ];
}

function location(match: string, body: readonly string[]): string[] {
  return [`location ${match} {`, ...body.map((line) => `    ${line}`), '}'];
}

function longestFirst(a: Route, b: Route): number {
  return b.prefix.length - a.prefix.length || order(a.prefix, b.prefix);
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
