/**
 * Text of one setting → its value. Pure. Each parser gives the value, or the sentence that says what it must be;
 * the caller adds the variable's name and what was found.
 */
import { posix } from 'node:path';
import { parseDuration } from '../manifest/units.ts';

/** `must` reads after the name: "must be an integer between 1 and 16". */
export type Parsed<T> = { readonly value: T } | { readonly must: string };

export type Parse<T> = (text: string) => Parsed<T>;

export interface Address {
  readonly host: string;
  readonly port: number;
}

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const CONTROL = /[\u0000-\u001f\u007f]/;

/** Passes text that matches; `must` says what it has to look like. */
export function matching(pattern: RegExp, must: string): Parse<string> {
  return (text) => (pattern.test(text) ? { value: text } : { must });
}

/** One of a few words. */
export function oneOf<const T extends string>(...words: readonly T[]): Parse<T> {
  return (text) => {
    const value = words.find((word) => word === text);
    return value === undefined ? { must: `must be ${words.join(' or ')}` } : { value };
  };
}

/** A decimal integer, both ends included. */
export function integer(first: number, last: number): Parse<number> {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    return value >= first && value <= last
      ? { value }
      : { must: `must be an integer between ${first} and ${last}` };
  };
}

/** A duration such as `30s`, in milliseconds, both ends included; `bounds` are written like durations themselves. */
export function duration(first: string, last: string): Parse<number> {
  const firstMs = parseDuration(first) ?? 0;
  const lastMs = parseDuration(last) ?? Number.POSITIVE_INFINITY;
  return (text) => {
    const value = text === '0' ? 0 : parseDuration(text);
    return value !== undefined && value >= firstMs && value <= lastMs
      ? { value }
      : { must: `must be a duration between ${first} and ${last}, such as 500ms, 30s or 5m` };
  };
}

/** `first-last`. Below 1024 is the system's; from 32768 on the kernel hands ports out to anyone. */
export function portRange(text: string): Parsed<{ readonly first: number; readonly last: number }> {
  const [, a, b] = /^(\d{1,5})-(\d{1,5})$/.exec(text) ?? [];
  const [first, last] = [Number(a), Number(b)];
  return first >= 1024 && last < 32768 && first <= last
    ? { value: { first, last } }
    : { must: 'must be a range within 1024-32767, such as 3000-3999' };
}

/** `host:port` where the host is an IP address or `localhost`: a name could lead elsewhere tomorrow. */
export function address(text: string): Parsed<Address> {
  const [, v6, v4, digits] = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+|localhost)):(\d{1,5})$/.exec(text) ?? [];
  const host = v4 === 'localhost' ? '127.0.0.1' : (v6 ?? v4 ?? '');
  const port = Number(digits);
  const url = host && URL.canParse(`http://${v6 ? `[${v6}]` : host}/`);
  const whole = v6 !== undefined || /^\d+\.\d+\.\d+\.\d+$/.test(host);
  return url && whole && port >= 1 && port <= 65535
    ? { value: { host, port } }
    : { must: 'must be an IP address and a port, such as 127.0.0.1:8080' };
}

/** A lower-case DNS name, at most 253 characters. */
export function hostname(text: string): Parsed<string> {
  const good = text.length <= 253 && text.split('.').every((label) => LABEL.test(label));
  return good && !/^[\d.]+$/.test(text)
    ? { value: text }
    : { must: 'must be a hostname in lower case, such as example.com' };
}

/** `/path`, `unix:///path` (both give the path) or `tcp://host:port`. */
export function dockerHost(text: string): Parsed<string> {
  const path = text.replace(/^unix:\/\//, '');
  if (path.startsWith('/') && !CONTROL.test(path)) return { value: path };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const plain = url?.protocol === 'tcp:' && url.hostname !== '' && !url.username && !url.password;
  if (plain && /^\/?$/.test(url.pathname) && !url.search && !url.hash)
    return { value: `tcp://${url.hostname}:${url.port || '2375'}` };
  return {
    must: "must be the path of the engine's socket, unix:///path or tcp://host:port (ssh is not supported)",
  };
}

/** A file below the repo's root. */
export function repoFile(text: string): Parsed<string> {
  const good =
    text !== '.' && !text.startsWith('/') && posix.normalize(text) === text && !text.startsWith('..');
  return good && !text.endsWith('/') && !CONTROL.test(text) && !text.includes('\\')
    ? { value: text }
    : { must: 'must be the path of a file in the config repo, such as deployments.yaml' };
}

/** A branch as `git check-ref-format --branch` allows it. */
export function branch(text: string): Parsed<string> {
  const bad =
    /^[-/]|[/.]$|\.\.|\/\/|@\{|[\s~^:?*[\\]|(^|\/)\.|\.lock(\/|$)|^(HEAD|@)$/.test(text) ||
    CONTROL.test(text);
  return bad ? { must: 'must be the name of a branch, such as main' } : { value: text };
}

/** Hosts with commas or spaces between, each `host` or `host:port`. */
export function hostList(text: string): Parsed<readonly string[]> {
  const hosts = text.split(/[\s,]+/).filter((host) => host !== '');
  const good = hosts.every((host) => {
    const [, v6, name, port] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::(\d{1,5}))?$/.exec(host) ?? [];
    const known = v6 !== undefined || (name ?? '').split('.').every((label) => LABEL.test(label));
    return known && (port === undefined || (Number(port) >= 1 && Number(port) <= 65535));
  });
  return good
    ? { value: hosts }
    : { must: 'must be hosts with commas between, such as git.lan,10.0.0.5:3000' };
}

const WORD = /"[^"]*"|'[^']*'|[\w@%+=:,./-]+/g;
const COMMAND = new RegExp(`^(${WORD.source})( +(${WORD.source}))*$`);

/** A command as a list of arguments. Quotes group words; nothing else of a shell exists, so it is refused. */
export function command(text: string): Parsed<readonly string[]> {
  if (!COMMAND.test(text) || CONTROL.test(text))
    return { must: 'must be one command with its arguments, such as nginx -t; it is run without a shell' };
  return { value: (text.match(WORD) ?? []).map((word) => word.replace(/^(["'])(.*)\1$/, '$2')) };
}

/** A path that can stand in nginx's configuration between quotes as it is. */
export function plainPath(text: string): Parsed<string> {
  return CONTROL.test(text) || /["'\\$;{}]/.test(text)
    ? { must: `must be a path without quotes, backslash, $, ;, { or }, since nginx reads it` }
    : { value: text };
}

/** The same, from the root. */
export function absolutePath(text: string): Parsed<string> {
  return text.startsWith('/') ? plainPath(text) : { must: 'must be an absolute path' };
}

/** A local path, or an `http(s)` URL that holds no credential. */
export function configRepo(text: string): Parsed<string> {
  if (!/^[a-z][a-z0-9+.-]*:/i.test(text) && !/^[^/]+@[^/]+:/.test(text)) return plainPath(text);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || /\s/.test(text))
    return { must: 'must be a local path or an http(s):// URL (ssh is not supported)' };
  if (url.username || url.password || url.search || url.hash)
    return { must: 'must hold no user, password, ? or #: put the token into BERTH_CONFIG_TOKEN' };
  return { value: text };
}

/** The address of an API, without a slash at its end. Plain `http` only to this machine: a token goes there. */
export function apiUrl(text: string): Parsed<string> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const safe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  return url && safe && !url.username && !url.password && !url.search && !url.hash
    ? { value: url.href.replace(/\/+$/, '') }
    : { must: 'must be an https:// URL without user, ? and # (http:// only to 127.0.0.1 or localhost)' };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** `swarm` is a known word, so it gets its own answer. */
export function engine(text: string): Parsed<'docker'> {
  if (text === 'docker') return { value: text };
  return { must: text === 'swarm' ? 'is not supported by this version yet: use docker' : 'must be docker' };
}

/** A bcrypt hash whose cost (4 to 15) lets a login end within seconds. */
export function bcryptHash(text: string): Parsed<string> {
  return /^\$2[aby]\$(0[4-9]|1[0-5])\$[./A-Za-z0-9]{53}$/.test(text)
    ? { value: text }
    : {
        must: 'must be a bcrypt hash as `berth hash-password` prints it (single quotes keep a shell off its $ signs)',
      };
}

/** At least 32 bytes, and not one key held down. */
export function jwtSecret(text: string): Parsed<string> {
  return Buffer.byteLength(text) >= 32 && new Set(text).size >= 8
    ? { value: text }
    : { must: 'must be at least 32 random bytes: make it with `openssl rand -base64 48`, or leave it out' };
}
