/** What may stand in a vhost: whitelists only, checked again here although the file's own validation came before. */

import { checkOwner, checkPort, show } from '../clients/nginx/words.ts';
import { StalledError } from '../core/errors.ts';
import type { VhostWant } from '../core/types.ts';

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** Instance keys: `<deployment>-<service>-<hash8>`, with `-<n>` for a replica. */
const KEY = /^[a-z0-9][a-z0-9-]{0,199}$/;
const PREFIX = /^\/[A-Za-z0-9._~/-]{0,499}$/;
const HEADER_NAME = /^[A-Za-z][A-Za-z0-9-]{0,99}$/;
/** nginx reads a word of at most 4,096 bytes; an escaped quote takes two. */
const HEADER_VALUE = /^[ !"#%-[\]-~]{0,1500}$/;
const MAX_BODY = /^[0-9]{1,9}[kmgKMG]?$/;
/** Headers that belong to the connection or the body: nginx writes them itself. */
const NGINX_OWN = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'keep-alive',
  'server',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const DAY_MS = 86_400_000;
const NAME_FIX = 'use lower-case letters, digits and hyphens, at most 63';

/** Throws StalledError that names the first value which must not stand in a vhost. */
export function checkVhost(
  want: VhostWant,
  options: { readonly owner: string; readonly http: { readonly port: number } },
): void {
  checkOwner(options.owner);
  checkNames(want);
  checkPorts(want, options.http.port);
  checkHeaders(want.headers);
  hold(MAX_BODY, 'maxBody', want.maxBody, 'write it like 100m');
  const { timeoutMs } = want;
  if (timeoutMs !== undefined && !(Number.isInteger(timeoutMs) && timeoutMs >= 1 && timeoutMs <= DAY_MS)) {
    refuse('the timeout', timeoutMs, 'use at most a day');
  }
}

function checkNames({ deployment, hostnames, routes, backends, pinned }: VhostWant): void {
  hold(NAME, 'the deployment', deployment, NAME_FIX);
  for (const host of hostnames) if (!isHostname(host)) refuse('the hostname', host, 'use a plain DNS name');
  for (const { service } of [...routes, ...backends, ...pinned]) hold(NAME, 'the service', service, NAME_FIX);
  for (const { prefix } of routes) {
    if (!isPrefix(prefix)) refuse('the route', prefix, 'start with "/" and use letters, digits and ._~-');
  }
  for (const { key } of backends.flatMap(({ instances }) => instances)) {
    hold(KEY, 'the instance', key, 'use lower-case letters, digits and hyphens');
  }
  const bases = routes.map(({ prefix }) => prefix.replace(/\/$/, ''));
  checkUnique('the route', bases);
  checkUnique('the hostname', hostnames);
  checkUnique(
    'the service',
    backends.map(({ service }) => service),
  );
}

function checkPorts({ backends, pinned }: VhostWant, httpPort: number): void {
  for (const { port } of backends.flatMap(({ instances }) => instances)) checkPort(port);
  for (const { port } of pinned) {
    if (checkPort(port) === httpPort)
      refuse('the pinned port', port, 'all sites are served on it, take another');
  }
  checkUnique(
    'the pinned port',
    pinned.map(({ port }) => port),
  );
}

function checkHeaders(headers: VhostWant['headers']): void {
  for (const [name, value] of Object.entries(headers)) {
    hold(HEADER_NAME, 'the header', name, 'use letters, digits and hyphens');
    if (NGINX_OWN.has(name.toLowerCase())) refuse('the header', name, 'nginx sets it itself, leave it out');
    hold(HEADER_VALUE, `the value of header ${name}`, value, 'use printable ASCII without "$" and "\\"');
  }
  checkUnique(
    'the header',
    Object.keys(headers).map((name) => name.toLowerCase()),
  );
}

function hold(pattern: RegExp, what: string, value: unknown, fix: string): void {
  if (typeof value !== 'string' || !pattern.test(value)) refuse(what, value, fix);
}

function refuse(what: string, value: unknown, fix: string): never {
  throw new StalledError(`${what} ${show(value)} can't stand in a vhost: ${fix}`);
}

function isHostname(host: unknown): boolean {
  return (
    typeof host === 'string' &&
    host.length <= 253 &&
    // Asking nginx for such a host gives its generation.
    !host.endsWith('.invalid') &&
    host.split('.').every((label) => NAME.test(label))
  );
}

/** No empty, `.` or `..` segments: nginx compares the path with those resolved, so such a route could never match. */
function isPrefix(prefix: unknown): boolean {
  return typeof prefix === 'string' && PREFIX.test(prefix) && !/\/\/|\/\.\.?(?:\/|$)/.test(prefix);
}

function checkUnique(what: string, values: readonly (string | number)[]): void {
  const twice = values.find((value, at) => values.indexOf(value) !== at);
  if (twice !== undefined) refuse(what, twice === '' ? '/' : twice, 'it stands there twice, remove one');
}
