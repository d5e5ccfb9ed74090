/**
 * Which repo an address means, whichever of its spellings is used: a webhook says `https://github.com/Acme/Blog.git`
 * where the file says `https://github.com/acme/blog`. Only ever compared, never asked.
 */

/** Host (with a port that is not its scheme's own) and path, lower case, without `.git`; undefined for what is no http(s) address. */
export function repoPlace(address: string): string | undefined {
  if (!/^https?:\/\//i.test(address) || !URL.canParse(address)) return undefined;
  const { host, pathname } = new URL(address);
  const path = pathname.replace(/\/+$/, '').replace(/\.git$/i, '');
  return path === '' ? undefined : `${host}${path}`.toLowerCase();
}

/** Whether two places are one. A place that begins with `/` names no host, and is that path of any. */
export function samePlace(one: string, other: string): boolean {
  const path = (place: string): string => place.slice(place.indexOf('/'));
  return one.startsWith('/') || other.startsWith('/') ? path(one) === path(other) : one === other;
}
