/** Durations and sizes as people write them: a number and one unit, nothing cleverer. */

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

const UNIT_BYTES: ReadonlyMap<string, number> = new Map([
  ['k', 1024],
  ['m', 1024 ** 2],
  ['g', 1024 ** 3],
]);

/** `500ms`, `30s`, `5m`, `1h` in ms; undefined for anything else, and for more than a thousand days. */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit] = /^([0-9]{1,9})(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Number(digits) * (UNIT_MS.get(unit ?? '') ?? Number.NaN);
  return ms <= 86_400_000_000 ? ms : undefined;
}

/** `512k`, `256m`, `1.5g` in bytes (k is 1024), rounded down; undefined for anything else. */
export function parseSize(text: string): number | undefined {
  const [, digits, unit] = /^([0-9]{1,9}(?:\.[0-9]{1,3})?)([kmg])$/.exec(text) ?? [];
  const bytes = Math.floor(Number(digits) * (UNIT_BYTES.get(unit ?? '') ?? Number.NaN));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
