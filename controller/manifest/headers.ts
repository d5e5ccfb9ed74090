/** `headers`: response headers that nginx adds. */
import type { Scope } from './scope.ts';

/** Headers that frame the message or the connection; nginx and the app set these themselves. */
const OWNED: ReadonlySet<string> = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'host',
  'keep-alive',
  'location',
  'server',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Checked headers, as they are written. */
export function readHeaders(
  raw: Readonly<Record<string, string>>,
  scope: Scope,
): Readonly<Record<string, string>> {
  const seen = new Map<string, string>();
  for (const name of Object.keys(raw)) {
    const lower = name.toLowerCase();
    const twin = seen.get(lower);
    if (OWNED.has(lower))
      scope.fail(['headers', name], 'is set by nginx or the app itself; remove it', 'key');
    if (twin !== undefined) scope.fail(['headers', name], `is the same header as ${twin}; remove one`, 'key');
    seen.set(lower, name);
  }
  return Object.fromEntries(Object.entries(raw));
}
