import type { Secret } from './types.ts';

/** What is shown in place of a secret, everywhere. */
export const REDACTED = '[redacted]';

/** Node's console and `util.inspect` ask for this; it is registered, so the core needs no import for it. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** A secret that holds no value, only the way to it, and is `[redacted]` in template strings, JSON and on the console. */
export function secretOf(fingerprint: string, open: () => Promise<string>): Secret {
  const shown = (): string => REDACTED;
  const hidden = { toString: shown, toJSON: shown, [Symbol.toPrimitive]: shown, [INSPECT]: shown };
  const secret = Object.defineProperties(
    {},
    Object.fromEntries(Reflect.ownKeys(hidden).map((key) => [key, { value: shown }])),
  );
  return Object.freeze(Object.assign(secret, { fingerprint, open }));
}
