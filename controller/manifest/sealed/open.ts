/** Opening what stands behind `!sealed`. Whatever is wrong with it is told by its place and its fix, never by a value. */
import { messageOf, StalledError } from '../../core/errors.ts';
import { variableFault } from '../variable.ts';
import { again, readPayload, type SealedPlace } from './payload.ts';

/** `berth seal` writes one. Each costs a try with each key, so a made-up file could keep a pass busy. */
const MAX_STANZAS = 4;

/** How age-encryption 0.3.1 words it when no key fits (read in its source); all its other errors are of a broken file. */
const NO_KEY_FITS = /^no identity matched/;

/** The value. StalledError, naming the place and the fix, when none of the identities opens it or it is not for this place. */
export async function openSealed(
  text: string,
  place: SealedPlace,
  identities: readonly string[],
): Promise<string> {
  const read = await readSealed(text, place, identities);
  if ('value' in read) return read.value;
  throw new StalledError(`${place.name} of ${place.deployment}/${place.service} ${read.fault}`);
}

/** The same, with the reason as a value: it completes the sentence that the path of the value begins. */
export async function readSealed(
  text: string,
  place: SealedPlace,
  identities: readonly string[],
): Promise<{ readonly value: string } | { readonly fault: string }> {
  if (identities.length === 0)
    return { fault: 'is sealed, and there is no key yet: `berth start` makes one, then seal the value' };
  const bytes = await decrypt(Buffer.from(text, 'base64'), identities);
  if (typeof bytes === 'string') return { fault: `${bytes}: ${again(place)}` };
  const read = readPayload(bytes, place);
  const fault = 'value' in read ? variableFault(place.name, read.value) : undefined;
  return fault === undefined ? read : { fault: `is sealed, and its value ${fault}` };
}

/** The plain bytes, or what is wrong with the file. */
async function decrypt(file: Buffer, identities: readonly string[]): Promise<Uint8Array | string> {
  if (stanzas(file) > MAX_STANZAS) return DAMAGED;
  // Loading it takes 50 ms, which a controller without sealed values need not pay.
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  // The newest first, since each costs milliseconds and most values are sealed for it.
  for (const identity of identities.toReversed()) decrypter.addIdentity(identity);
  try {
    return await decrypter.decrypt(file);
  } catch (error) {
    return NO_KEY_FITS.test(messageOf(error)) ? 'was sealed for another controller, or is damaged' : DAMAGED;
  }
}

const DAMAGED = 'is damaged (cut off or changed)';

/** Lines of the header that begin a stanza. */
function stanzas(file: Buffer): number {
  const end = file.indexOf('\n---');
  return file.toString('latin1', 0, end < 0 ? file.length : end).split('\n-> ').length - 1;
}
