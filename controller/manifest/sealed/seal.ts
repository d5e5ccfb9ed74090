import { StalledError } from '../../core/errors.ts';
import { variableFault } from '../variable.ts';
import { type SealedPlace, writePayload } from './payload.ts';

/**
 * The text that stands behind `!sealed`: base64 of an age file, one line, another each time. Needs no key but the
 * recipient, so it works on any machine. StalledError for a value that no process could be given, and for what is no recipient.
 */
export async function seal(value: string, place: SealedPlace, recipient: string): Promise<string> {
  const fault = variableFault(place.name, value);
  if (fault !== undefined) throw new StalledError(`the value of ${place.name} ${fault}`);
  // Loading it takes 50 ms, which only those who seal something should pay.
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  try {
    encrypter.addRecipient(recipient);
  } catch (cause) {
    // Whoever mistakes the secret key for the public one must not find it in a terminal's history of errors.
    throw new StalledError('that is no recipient: it begins with age1, and `berth recipient` prints it', {
      cause: cause instanceof Error ? cause.name : undefined,
    });
  }
  return Buffer.from(await encrypter.encrypt(writePayload(value, place))).toString('base64');
}
