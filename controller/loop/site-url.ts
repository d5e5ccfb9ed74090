import { isPublic } from '../kinds/public-hosts.ts';
import type { Settings } from '../settings.ts';

/** Where visitors find a hostname: through the tunnel, or on nginx's own port of this machine. */
export function siteUrl(
  hostname: string,
  { cloudflare, http }: Pick<Settings, 'cloudflare' | 'http'>,
): string {
  if (cloudflare && isPublic(hostname)) return `https://${hostname}`;
  return http.port === 80 ? `http://${hostname}` : `http://${hostname}:${http.port}`;
}
