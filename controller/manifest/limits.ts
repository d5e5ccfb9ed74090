/** Durations and sizes of an entry, within the bounds that make sense. */
import type { Health } from '../core/types.ts';
import type { Path } from './findings.ts';
import type { RawService } from './raw.ts';
import type { Scope } from './scope.ts';
import { parseDuration, parseSize } from './units.ts';

const HOUR_MS = 3_600_000;
const DEFAULT_MEMORY_BYTES = 512 * 1024 ** 2;

/** ms; `bounds` are inclusive and shown as they are written. */
export function readDuration(
  raw: string,
  at: Path,
  about: { readonly scope: Scope; readonly least: string; readonly most: string },
): number {
  const ms = parseDuration(raw) ?? Number.NaN;
  const [least, most] = [parseDuration(about.least) ?? 0, parseDuration(about.most) ?? HOUR_MS];
  if (!(ms >= least && ms <= most)) about.scope.fail(at, `must be between ${about.least} and ${about.most}`);
  return ms;
}

/** Defaults: probed each second, for at most a minute. */
export function readHealth(raw: NonNullable<RawService['health']>, at: Path, scope: Scope): Health {
  const intervalMs = readDuration(raw.interval ?? '1s', [...at, 'interval'], {
    scope,
    least: '100ms',
    most: '5m',
  });
  const timeoutMs = readDuration(raw.timeout ?? '60s', [...at, 'timeout'], {
    scope,
    least: '1s',
    most: '1h',
  });
  if (intervalMs > timeoutMs)
    scope.fail([...at, 'interval'], 'must not be longer than `timeout` (60s by default)');
  return { ...(raw.path === undefined ? {} : { path: raw.path }), intervalMs, timeoutMs };
}

/** Bytes. Below 16m not even a shell runs; the engine itself refuses less than 6m. */
export function readMemory(raw: string | undefined, at: Path, scope: Scope): number {
  if (raw === undefined) return DEFAULT_MEMORY_BYTES;
  const bytes = parseSize(raw) ?? Number.NaN;
  if (!(bytes >= 16 * 1024 ** 2 && bytes <= 1024 ** 4)) scope.fail(at, 'must be between 16m and 1024g');
  return bytes;
}
