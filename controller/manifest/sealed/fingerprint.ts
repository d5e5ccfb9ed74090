import { createHmac } from 'node:crypto';
import type { SealedPlace } from './payload.ts';
import { placeKey } from './where.ts';

/** Sixteen hex digits that change with the value, and tell nothing about it without the secret they are keyed with. */
export type Fingerprint = (place: SealedPlace, value: string) => string;

/**
 * The place is part of it, so that nobody sees that two apps have the same password; the text it is sealed in is not, so
 * that sealing the same value again changes no instance.
 */
export function createFingerprint(secret: Buffer): Fingerprint {
  return (place, value) =>
    createHmac('sha256', secret)
      // No JSON begins so: the same key hashes specs as well.
      .update(`sealed ${placeKey(place)}\0${value}`)
      .digest('hex')
      .slice(0, 16);
}
