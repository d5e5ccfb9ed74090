/**
 * Which address a `repo` may name, and where its packets may go. The text is parsed, never matched; every answer of the
 * resolver must be public, and the answers that were checked are the ones that git then connects to, so that a second,
 * different answer is never asked for. Hosts of `BERTH_GIT_ALLOW` (`host` or `host:port`) are exempt.
 */
import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';
import { StalledError, TransientError } from '../../core/errors.ts';

/** All addresses of a host; throws when there are none. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** The system's resolver, hosts file included. */
export const systemResolve: Resolve = async (host) =>
  (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address);

/** For messages: without user info, query and control characters, and not endless. */
export function redact(text: string): string {
  const plain = text.replace(/\/\/\S*@/g, '//').replace(/[?#]\S*/g, '');
  return plain.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').slice(0, 200);
}

/** The address of a repo that may be asked. Throws StalledError that names what is wrong with it; sends nothing. */
export function parseRepoUrl(repo: string, gitAllow: readonly string[]): URL {
  const shown = `repo ${redact(repo)}`;
  if (!/^https?:\/\/[^\s\\]+$/i.test(repo) || !URL.canParse(repo)) {
    throw new StalledError(`${shown}: write an https:// address, such as https://github.com/acme/blog`);
  }
  const url = new URL(repo);
  const allowed = isAllowed(url, gitAllow);
  if (url.username || url.password) {
    throw new StalledError(
      `${shown}: remove the user name or token from the address and keep it as a secret`,
    );
  }
  if (url.search || url.hash) throw new StalledError(`${shown}: remove the part from "?" or "#" on`);
  if (/^\/*$/.test(url.pathname)) throw new StalledError(`${shown}: names a host but no repository`);
  if (url.hostname.endsWith('.')) throw new StalledError(`${shown}: remove the dot at the end of the host`);
  if (!allowed && url.protocol !== 'https:') {
    throw new StalledError(`${shown}: use https, or allow the host in BERTH_GIT_ALLOW`);
  }
  if (!allowed && url.port !== '') {
    throw new StalledError(`${shown}: port ${url.port} is not allowed, name ${url.host} in BERTH_GIT_ALLOW`);
  }
  const literal = literalAddress(url);
  if (!allowed && (url.hostname === 'localhost' || (literal && !isPublic(literal)))) throw refused(url);
  return url;
}

export interface PinOptions {
  readonly gitAllow: readonly string[];
  readonly resolve: Resolve;
}

/**
 * Looks the host up and gives git's `http.curloptResolve` value for it (curl: `HOST:PORT:ADDRESS[,ADDRESS]`);
 * undefined for a literal address, where nothing is looked up. Throws StalledError for an address that is not public.
 */
export async function pinAddress(url: URL, options: PinOptions): Promise<string | undefined> {
  const literal = literalAddress(url);
  const allowed = isAllowed(url, options.gitAllow);
  if (literal) {
    if (!allowed && !isPublic(literal)) throw refused(url);
    return undefined;
  }
  const addresses = await resolveHost(url, options.resolve);
  if (!allowed && !addresses.every(isPublic)) throw refused(url);
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return `${url.hostname}:${port}:${addresses.map(bracketed).join(',')}`;
}

async function resolveHost(url: URL, resolve: Resolve): Promise<readonly string[]> {
  try {
    const addresses = await resolve(url.hostname);
    if (addresses.length === 0) throw new Error('the resolver knows no address');
    return addresses;
  } catch (cause) {
    throw new TransientError(`repo ${shownUrl(url)}: the host ${url.hostname} can't be looked up`, { cause });
  }
}

/** A URL as messages show it. */
export function shownUrl(url: URL): string {
  return redact(`${url.origin}${url.pathname}`);
}

function isAllowed(url: URL, gitAllow: readonly string[]): boolean {
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return gitAllow.some((entry) => {
    const name = entry.toLowerCase();
    return name === url.hostname || name === url.host || name === `${url.hostname}:${port}`;
  });
}

function refused(url: URL): StalledError {
  return new StalledError(
    `repo ${shownUrl(url)}: ${url.hostname} is not a public address, allow the host in BERTH_GIT_ALLOW`,
  );
}

/** The URL parser has already turned `2130706433` and `0x7f.1` into `127.0.0.1`. */
function literalAddress(url: URL): string | undefined {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return ipaddr.isValid(host) ? host : undefined;
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

/** Routable by anyone, and not one of this machine's own. */
function isPublic(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = embedded(ipaddr.process(text));
  const global = address.kind() === 'ipv4' || address.match(ipaddr.parseCIDR('2000::/3'));
  return global && address.range() === 'unicast' && !ownAddresses().has(address.toString());
}

/** NAT64 (RFC 6052, 64:ff9b::/96): what counts is the IPv4 address inside. */
function embedded(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  return address.range() === 'rfc6052' ? new ipaddr.IPv4(address.toByteArray().slice(12)) : address;
}

function ownAddresses(): Set<string> {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return new Set(all.map(({ address }) => ipaddr.process(address.replace(/%.*$/, '')).toString()));
}
