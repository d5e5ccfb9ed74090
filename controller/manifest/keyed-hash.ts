import { createHmac } from 'node:crypto';

/** Hashes values under a secret of the data dir, so that a hash in a label tells nothing about an env value. */
export type KeyedHash = (value: unknown) => string;

/** Eight hex digits over the canonical JSON of a value: object keys sorted, undefined left out. */
export function createKeyedHash(secret: Buffer): KeyedHash {
  return (value) =>
    createHmac('sha256', secret)
      .update(JSON.stringify(canonical(value)))
      .digest('hex')
      .slice(0, 8);
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value)
    .filter(([, v]) => v !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, v]) => [key, canonical(v)]);
}
