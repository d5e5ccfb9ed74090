/**
 * Whether a `repo` URL may be asked at all, as far as its text tells; addresses are checked again when connecting.
 * The text itself is judged, not what a URL parser makes of it: parsers turn `0x7f.1` and `2130706433` into 127.0.0.1.
 */
import ipaddr from 'ipaddr.js';

const SHAPE = /^(https?):\/\/(\[[0-9a-f:.]+\]|[^/:[\]?#]+)(?::([0-9]{1,5}))?(\/[^?#]*)?$/;
const LABELS = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const PATH = /^(\/[A-Za-z0-9._~+@-]+)+\/?$/;

/**
 * Why not, as the rest of a sentence that never repeats the URL (it may hold a token); undefined when it may.
 * `gitAllow` are hosts (`host` or `host:port`) that may be private, on another port or plain http.
 */
export function repoUrlFault(url: string, gitAllow: readonly string[]): string | undefined {
  if (url === '.') return undefined;
  if (/[^\x21-\x7e]|\\/.test(url)) return 'must not hold spaces, backslashes or characters beyond ASCII';
  if (!/^https?:\/\//.test(url)) return schemeFault(url);
  if (/^[a-z]+:\/\/[^/?#]*@/.test(url)) {
    return 'must not hold a user name or token, since it stands in Git for good: remove it, and revoke the token';
  }
  if (/[?#]/.test(url)) return 'must not hold ? or #; name a branch, tag or path in its own field';
  const [, scheme, host = '', port, path] = SHAPE.exec(url) ?? [];
  if (scheme === undefined) return 'is not a URL of the form https://host/owner/name';
  if (path === undefined || !PATH.test(path) || /(^|\/)\.\.?(\/|$)/.test(path)) {
    return 'must name a repo after the host, such as https://host/owner/name, with no // and no ..';
  }
  const names = [host, host.replace(/^\[|\]$/g, '')];
  const actualPort = port ?? (scheme === 'http' ? 80 : 443);
  const allowed = names.some((name) => gitAllow.includes(name)) || gitAllow.includes(`${host}:${actualPort}`);
  return allowed ? undefined : (hostFault(host) ?? connectionFault(scheme, port));
}

function schemeFault(url: string): string {
  const [, host, path] = /^(?:ssh:\/\/)?git@([a-z0-9.-]+)[:/]([A-Za-z0-9._~/-]+)$/.exec(url) ?? [];
  return `must be an https:// URL${host ? `; write https://${host}/${path}` : ''}`;
}

function connectionFault(scheme: string, port: string | undefined): string | undefined {
  if (scheme === 'http') return 'must be https://; plain http is only for hosts that BERTH_GIT_ALLOW names';
  if (port !== undefined) return 'must not name a port, unless BERTH_GIT_ALLOW names that host and port';
  return undefined;
}

function hostFault(host: string): string | undefined {
  const literal = host.startsWith('[') ? host.slice(1, -1) : host;
  if (host.startsWith('[') ? ipaddr.IPv6.isValid(literal) : ipaddr.IPv4.isValidFourPartDecimal(literal)) {
    const range = ipaddr.process(literal).range();
    if (range === 'unicast') return undefined;
    return `names a ${range} address; if that is meant, name the host in BERTH_GIT_ALLOW`;
  }
  if (!LABELS.test(host) || host.length > 253) return 'has a host that is no lower-case host name';
  if (/(^|\.)(0x[0-9a-f]*|[0-9]+)$/.test(host)) return 'has a number for a host; write its name';
  if (!host.includes('.') || /\.(localhost|local|internal|lan|home|invalid)$/.test(host)) {
    return 'names a host of a private network; if that is meant, name it in BERTH_GIT_ALLOW';
  }
  return undefined;
}
