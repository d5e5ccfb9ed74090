/** `berth seal <deployment>[/<service>] --name KEY`: a value on stdin → the line of `env` that holds it sealed. */
import { newestRecipient, readIdentities } from '../clients/identities.ts';
import { StalledError } from '../core/errors.ts';
import { MIN_SECRET_CHARACTERS } from '../core/mask-forms.ts';
import { isInherited } from '../manifest/names.ts';
import type { SealedPlace } from '../manifest/sealed/payload.ts';
import { seal } from '../manifest/sealed/seal.ts';
import type { Settings } from '../settings.ts';
import { askHidden } from './ask-hidden.ts';
import type { Io, JsonOption } from './io.ts';

/** A little more than any process can be given; whatever is piped in beyond it is not kept in memory. */
const MAX_BYTES = 256 * 1024;

interface SealOptions extends JsonOption {
  /** `blog` or `blog/api`. */
  readonly place: string;
  readonly name: string;
  readonly recipient?: string;
  readonly io: Io;
}

/** Exit code 0; throws `StalledError` before it reads the value where place, name or key are wrong. */
export async function printSealed(settings: Settings, options: SealOptions): Promise<number> {
  const { json, io } = options;
  const place = placeOf(options);
  const recipient = options.recipient ?? (await ownRecipient(settings));
  const value = io.stdin.isTTY ? await askHidden(io, `value of ${place.name}`) : await readValue(io);
  const sealed = await seal(value, place, recipient);
  for (const warning of warningsOf(value)) io.complain(`warning: ${warning}`);
  io.print(json ? JSON.stringify({ ...place, sealed, recipient }) : `${place.name}: !sealed ${sealed}`);
  return 0;
}

/** Whether the file has such an entry is not asked: it may be written after its values. */
function placeOf({ place, name }: SealOptions): SealedPlace {
  const [deployment = '', service = 'web', ...rest] = place.split('/');
  for (const part of [deployment, service, ...rest.map(() => '')]) {
    if (!/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(part))
      throw new StalledError(
        'the place must be a deployment, such as blog, or a service of one, such as blog/api',
      );
  }
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,254}$/.test(name) || isInherited(name))
    throw new StalledError('--name must be letters, digits and _, and start with no digit');
  if (name === 'PORT' || name === 'HOST')
    throw new StalledError(`${name} is the controller's to set or to check, so it can't be sealed`);
  return { deployment, service, name };
}

async function ownRecipient(settings: Settings): Promise<string> {
  const identities = await readIdentities(settings);
  if (identities.length > 0) return newestRecipient(identities);
  throw new StalledError(
    `there is no key in ${settings.dataDir} yet: name the controller's with --recipient, as \`berth recipient\` prints it there`,
  );
}

/** Byte for byte, but for the line end that `echo` and editors add. */
async function readValue(io: Io): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of io.stdin) {
    chunks.push(Buffer.from(chunk));
    size += chunks.at(-1)?.length ?? 0;
    if (size > MAX_BYTES)
      throw new StalledError(
        'the value is over 131072 bytes, more than any process can be given: use a volume',
      );
  }
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    return decoder.decode(Buffer.concat(chunks)).replace(/\n$/, '');
  } catch {
    throw new StalledError('the value is no UTF-8 text: seal it in base64, and decode it in the app');
  }
}

function warningsOf(value: string): readonly string[] {
  if (value === '') return ['the value is empty'];
  if (value.length >= MIN_SECRET_CHARACTERS) return [];
  return [`a value under ${MIN_SECRET_CHARACTERS} characters is not masked in logs`];
}
