/**
 * The words that a vhost and nginx's shared file have in common, and the only way a value gets into either:
 * checked against a whitelist, then quoted. `nginx -t` passes injected directives, so it is no check.
 */
import { StalledError } from '../../core/errors.ts';

/** First line of every file that Berth writes for nginx; a file without it is not ours and never touched. */
export function siteHeader(owner: string, name: string): string {
  return `# berth owner=${owner} deployment=${name}`;
}

/** Owner and deployment that the first line of a file names; undefined for a file that Berth did not write. */
export function readHeader(
  text: string,
): { readonly owner: string; readonly deployment: string } | undefined {
  const match = /^# berth owner=([a-z0-9-]+) deployment=([a-z0-9-]*)\r?(?:\n|$)/.exec(text);
  const [, owner, deployment] = match ?? [];
  return owner === undefined || deployment === undefined ? undefined : { owner, deployment };
}

/** A value between double quotes. Throws StalledError for `$`, which nginx can't escape, `\` and what is not printable ASCII. */
export function quote(value: string): string {
  if (!/^[ -~]*$/.test(value) || /[$\\]/.test(value)) {
    throw new StalledError(
      `${show(value)} can't be written for nginx: use printable ASCII without "$" and "\\" in it`,
    );
  }
  return `"${value.replaceAll('"', '\\"')}"`;
}

/** A value as it may stand in an error message: short, and on one line. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** Variables that the shared file defines and the vhosts use. The owner is in their names: two Berths may share an nginx. */
export function variables(owner: string) {
  const prefix = `$berth_${checkOwner(owner).replaceAll('-', '_')}`;
  return {
    /** `websocket` when the client asks for that, else empty. */
    upgrade: `${prefix}_upgrade`,
    connection: `${prefix}_connection`,
    /** `:8080` when the client named a port, else empty. */
    port: `${prefix}_port`,
    /** What the visitor used: as the tunnel said, else what nginx was asked with. */
    proto: `${prefix}_proto`,
    deployingPage: `${prefix}_deploying_page`,
    stoppedPage: `${prefix}_stopped_page`,
  } as const;
}

/** `listen` address of the sites. Throws StalledError for what is neither an IP address nor `localhost`. */
export function listenAddress(http: { readonly host: string; readonly port: number }): string {
  const { host, port } = http;
  const bare = host.replace(/^\[|\]$/g, '');
  if (!/^([0-9.]+|[0-9a-f:]+|localhost)$/i.test(bare)) {
    throw new StalledError(`nginx can't listen on ${show(host)}: BERTH_HTTP must name an IP address`);
  }
  return `${bare.includes(':') ? `[${bare}]` : bare}:${checkPort(port)}`;
}

/** Throws StalledError for what is not a TCP port. */
export function checkPort(port: number): number {
  if (Number.isInteger(port) && port >= 1 && port <= 65535) return port;
  throw new StalledError(`${show(port)} is not a port: use an integer between 1 and 65535`);
}

/** Throws StalledError for an owner that is not lower-case letters, digits and hyphens. */
export function checkOwner(owner: string): string {
  if (/^[a-z0-9-]{1,40}$/.test(owner)) return owner;
  throw new StalledError(`${show(owner)} is not an owner: use lower-case letters, digits and hyphens`);
}
