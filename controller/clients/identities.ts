/**
 * The age identities that open sealed values: lines of a file as age-keygen writes them, the newest last. Berth's own is
 * `keys/age` in the data dir; `BERTH_AGE_IDENTITY_FILE` names one that somebody else keeps, which Berth only reads.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { StalledError } from '../core/errors.ts';
import type { Step } from '../core/step.ts';
import { writeAtomic } from './atomic-file.ts';
import { keepKey } from './keys.ts';

/** Where they are; the settings are one. */
export interface IdentityPlace {
  readonly dataDir: string;
  readonly ageIdentityFile?: string;
}

/** More than anyone's rotations; a file that is larger is no file of keys. */
const MAX_FILE_BYTES = 65_536;
const MAX_IDENTITIES = 50;

/** Those there are, none where Berth has not made one yet. StalledError for a file that can't be used, with the fix. */
export async function readIdentities(place: IdentityPlace): Promise<readonly string[]> {
  const file = identityFile(place);
  const text = await readPrivate(file);
  if (text !== undefined) return parse(text, file);
  if (place.ageIdentityFile === undefined) return [];
  throw new StalledError(
    `BERTH_AGE_IDENTITY_FILE=${file} is not there: make it with \`age-keygen -o\`, or remove the setting`,
  );
}

/** As `readIdentities`; the first time, one is made in the data dir. */
export async function keepIdentities(place: IdentityPlace, step: Step): Promise<readonly string[]> {
  const known = await readIdentities(place);
  if (known.length > 0) return known;
  const file = identityFile(place);
  return parse(await keepKey(file, step, async () => lines(await generate())), file);
}

/** Makes one more, the newest from now on; older ones go on opening what was sealed for them. The new recipient. */
export async function addIdentity(place: IdentityPlace, step: Step): Promise<string> {
  if (place.ageIdentityFile !== undefined)
    throw new StalledError(
      `the keys are kept in BERTH_AGE_IDENTITY_FILE=${place.ageIdentityFile}: add one there with age-keygen, as its last line`,
    );
  const file = identityFile(place);
  const kept = await readPrivate(file);
  if (kept !== undefined) await parse(kept, file);
  const made = await generate();
  if (kept === undefined) await keepKey(file, step, () => lines(made));
  else {
    const all = `${kept.trimEnd()}\n${await lines(made)}\n`;
    await parse(all, file);
    await step(`keys.write ${file}`, () => writeAtomic(file, all));
  }
  return recipientOf(made);
}

/** The public recipient of the newest, which is what values are sealed for. StalledError while there is none. */
export async function newestRecipient(identities: readonly string[]): Promise<string> {
  const newest = identities.at(-1);
  if (newest === undefined)
    throw new StalledError('there is no key yet: `berth start` makes one, or `berth recipient --new`');
  return recipientOf(newest);
}

function identityFile({ dataDir, ageIdentityFile }: IdentityPlace): string {
  return ageIdentityFile ?? join(dataDir, 'keys', 'age');
}

/** The text of a file that nobody but its owner (and a group) can read; undefined where there is none. */
async function readPrivate(file: string): Promise<string | undefined> {
  try {
    const handle = await open(file);
    try {
      const { mode, size } = await handle.stat();
      if ((mode & 0o007) !== 0)
        throw new StalledError(`${file} can be read by everyone on this machine: \`chmod 600 ${file}\``);
      if (size > MAX_FILE_BYTES)
        throw new StalledError(`${file} has ${size} bytes, so it is no file of age identities: name another`);
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if (cause instanceof StalledError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new StalledError(`${file} can't be read (${code}): make it readable for Berth`, { cause });
  }
}

/** Every line that is no comment must be an identity. What a line holds instead is not told: it may be one, misspelt. */
async function parse(text: string, file: string): Promise<readonly string[]> {
  const found = text
    .split('\n')
    .map((line, index) => ({ identity: line.trim(), number: index + 1 }))
    .filter(({ identity }) => identity !== '' && !identity.startsWith('#'));
  if (found.length === 0)
    throw new StalledError(`${file} holds no age identity: restore it from a backup, or name another`);
  if (found.length > MAX_IDENTITIES)
    throw new StalledError(
      `${file} holds ${found.length} identities, and at most ${MAX_IDENTITIES} are tried: remove the oldest`,
    );
  for (const { identity, number } of found) {
    if (await isIdentity(identity)) continue;
    throw new StalledError(
      `${file}:${number} is no age identity: it must be AGE-SECRET-KEY-1 and what follows, as age-keygen writes it`,
    );
  }
  return found.map(({ identity }) => identity);
}

async function isIdentity(text: string): Promise<boolean> {
  if (!/^AGE-SECRET-KEY-(PQ-)?1[0-9A-Z]+$/.test(text)) return false;
  try {
    await recipientOf(text);
    return true;
  } catch {
    // The library's message holds the key.
    return false;
  }
}

/** Loading the library takes 50 ms, so it is left to those who need it. */
async function recipientOf(identity: string): Promise<string> {
  return (await import('age-encryption')).identityToRecipient(identity);
}

async function generate(): Promise<string> {
  return (await import('age-encryption')).generateIdentity();
}

/** As age-keygen writes it, so that a person finds the public half. */
async function lines(identity: string): Promise<string> {
  return `# public key: ${await recipientOf(identity)}\n${identity}`;
}
