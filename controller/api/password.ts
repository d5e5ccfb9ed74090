/**
 * The admin's password. bcrypt looks at 72 bytes and silently at no more, so a longer one is refused rather than cut;
 * Unicode is normalised to NFC, since keyboards differ in how they write é.
 */
import bcrypt from 'bcryptjs';
import { StalledError } from '../core/errors.ts';

/** Rounds as a power of two: 0.4 s on a slow core, for us and for whoever guesses. */
const COST = 12;

/** Throws `StalledError` for a password that is empty or over 72 bytes. */
export async function hashPassword(password: string): Promise<string> {
  const text = password.normalize('NFC');
  if (text === '') throw new StalledError('the password is empty: write one to standard input');
  if (bcrypt.truncates(text))
    throw new StalledError('the password is over 72 bytes, more than bcrypt looks at: take a shorter one');
  return bcrypt.hash(text, COST);
}
