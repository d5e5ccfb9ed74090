/**
 * What nginx needs beside the vhosts, as text. `nginx.conf` is only for a managed nginx and names nothing but paths
 * relative to itself, so the very same text can be tested elsewhere. The shared file lies among the vhosts in both
 * modes: the variables they use, the refusal of unknown hosts, and the generation by which a reload is proven.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { listenAddress, quote, siteHeader, variables } from './words.ts';

/** What a foreign nginx may have already; the shared file is then written without it. */
export type Omission = 'hash-size' | 'default-server';

const OMISSIONS: readonly Omission[] = ['hash-size', 'default-server'];

/** The two pages, as one line each. */
export interface Pages {
  readonly deploying: string;
  readonly stopped: string;
}

/** `nginx.conf` of a managed nginx. `user` only where it starts as root; `temp` is where large request bodies wait. */
export function renderConf(options: {
  readonly user?: string;
  readonly temp: string;
  readonly drainMs: number;
}): string {
  const { user, temp, drainMs } = options;
  return `# Written by Berth; a change by hand is put back.
${user === undefined ? '' : `user ${user};\n`}worker_processes auto;
worker_rlimit_nofile 16384;
# Bounds how long a WebSocket keeps the workers of an older configuration alive.
worker_shutdown_timeout ${Math.max(drainMs, 10_000)}ms;
daemon on;
pid nginx.pid;
error_log error.log warn;

events {
    worker_connections 4096;
}

http {
    access_log off;
    server_tokens off;
    default_type application/octet-stream;
    server_names_hash_max_size 8192;
    large_client_header_buffers 4 32k;
    client_body_temp_path ${temp}/body;
    proxy_temp_path ${temp}/proxy;
    fastcgi_temp_path ${temp}/fastcgi;
    uwsgi_temp_path ${temp}/uwsgi;
    scgi_temp_path ${temp}/scgi;
    include sites/*.conf;
}
`;
}

/** Name of the shared file, without `.conf`. */
export function sharedName(owner: string): string {
  return `00-berth-${owner}`;
}

/** Asking nginx for this host gives the generation it runs; no DNS name ends in `.invalid` (RFC 2606). */
export function generationHost(owner: string): string {
  return `${owner}.berth-generation.invalid`;
}

/** The shared file. The generation server tells the worker's pid too: by it the master is found in every mode. */
export function renderShared(options: {
  readonly owner: string;
  readonly http: { readonly host: string; readonly port: number };
  readonly generation: string;
  readonly pages: Pages;
  readonly omit: ReadonlySet<Omission>;
}): string {
  const { owner, generation, pages, omit } = options;
  const listen = listenAddress(options.http);
  const { upgrade, connection, port, proto, deployingPage, stoppedPage } = variables(owner);
  // 512: with the default of 64 one hostname of 47 characters stops every site.
  const hashSize = omit.has('hash-size') ? '' : 'server_names_hash_bucket_size 512;\n';
  return `${siteHeader(owner, '')}
${omit.size === 0 ? '' : `# without ${OMISSIONS.filter((what) => omit.has(what)).join(' ')}\n`}${hashSize}
map $http_upgrade ${upgrade} { default ""; "~*^websocket$" websocket; }
map $http_upgrade ${connection} { default close; "~*^websocket$" upgrade; }
map $http_host ${port} { default ""; "~(:[0-9]+)$" $1; }
map $http_x_forwarded_proto ${proto} { default $scheme; http http; https https; }
map "" ${deployingPage} { default ${quote(pages.deploying)}; }
map "" ${stoppedPage} { default ${quote(pages.stopped)}; }

server {
    listen ${listen};
    server_name ${generationHost(owner)};
    keepalive_timeout 0;
    default_type text/plain;
    return 200 "${generation} $pid";
}
${omit.has('default-server') ? '' : defaultServer(listen)}`;
}

/** What a shared file says it was written without. */
export function readOmissions(shared: string): ReadonlySet<Omission> {
  const words = /^# without (.*)$/m.exec(shared)?.[1]?.split(' ') ?? [];
  return new Set(OMISSIONS.filter((what) => words.includes(what)));
}

/** What nginx is to run, as 32 hex digits over everything that decides it. */
export function generationOf(parts: readonly (readonly [name: string, text: string])[]): string {
  const hash = createHash('sha256');
  for (const [name, text] of parts) hash.update(`${name}\0${text.length}\0${text}\0`);
  return hash.digest('hex').slice(0, 32);
}

/** The pages of `templates/nginx`. Throws what reading them throws. */
export function readPages(): Pages {
  const read = (name: string) =>
    readFileSync(new URL(`../../../templates/nginx/${name}.html`, import.meta.url), 'utf8')
      .replace(/\s+/g, ' ')
      .trim();
  return { deploying: read('deploying'), stopped: read('stopped') };
}

function defaultServer(listen: string): string {
  return `
server {
    listen ${listen} default_server;
    server_name _;
    keepalive_timeout 0;
    default_type text/plain;
    return 421 "no site of this name here\\n";
}
`;
}
