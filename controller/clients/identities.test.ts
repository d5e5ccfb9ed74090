import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateHybridIdentity, generateIdentity, identityToRecipient } from 'age-encryption';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runStep, type Step } from '../core/step.ts';
import { addIdentity, keepIdentities, newestRecipient, readIdentities } from './identities.ts';

let dataDir: string;
let file: string;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'berth-identities-'));
  file = join(dataDir, 'keys', 'age');
});

afterEach(() => rm(dataDir, { recursive: true, force: true }));

async function given(text: string, mode = 0o600): Promise<{ dataDir: string; ageIdentityFile: string }> {
  const ageIdentityFile = join(dataDir, 'mine.txt');
  await writeFile(ageIdentityFile, text);
  await chmod(ageIdentityFile, mode);
  return { dataDir, ageIdentityFile };
}

test('one is made the first time, for nobody else to read, and is the same ever after', async () => {
  const labels: string[] = [];
  const step: Step = (label, effect) => {
    labels.push(label);
    return effect();
  };
  expect(await readIdentities({ dataDir })).toEqual([]);
  const first = await keepIdentities({ dataDir }, step);
  expect(first).toEqual([expect.stringMatching(/^AGE-SECRET-KEY-1[0-9A-Z]{58}$/)]);
  expect(await keepIdentities({ dataDir }, step)).toEqual(first);
  expect(await readIdentities({ dataDir })).toEqual(first);
  expect(labels).toEqual([`keys.write ${file}`]);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await stat(join(dataDir, 'keys'))).mode & 0o777).toBe(0o700);
  expect(await readFile(file, 'utf8')).toContain(`# public key: ${await newestRecipient(first)}\n`);
});

test('a new one is the newest, and the older ones stay', async () => {
  const [first = ''] = await keepIdentities({ dataDir }, runStep);
  const recipient = await addIdentity({ dataDir }, runStep);
  const all = await readIdentities({ dataDir });
  expect(all).toHaveLength(2);
  expect(all[0]).toBe(first);
  expect(await newestRecipient(all)).toBe(recipient);
  expect(await identityToRecipient(all[1] ?? '')).toBe(recipient);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('a new one may be the first', async () => {
  const recipient = await addIdentity({ dataDir }, runStep);
  expect(await newestRecipient(await readIdentities({ dataDir }))).toBe(recipient);
});

test('a file as age-keygen writes it is read with its comments, blank lines and line ends', async () => {
  const [one, two] = [await generateIdentity(), await generateHybridIdentity()];
  const place = await given(
    `# created: 2026-01-02T03:04:05Z\r\n# public key: age1x\r\n${one}\r\n\n  ${two}  \n\n`,
  );
  expect(await readIdentities(place)).toEqual([one, two]);
  expect(await keepIdentities(place, runStep)).toEqual([one, two]);
  await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a file that somebody else keeps gets no further line', async () => {
  const place = await given(await generateIdentity());
  await expect(addIdentity(place, runStep)).rejects.toThrow(/add one there with age-keygen/);
});

test('a file that is named must be there', async () => {
  const place = { dataDir, ageIdentityFile: join(dataDir, 'nowhere') };
  await expect(readIdentities(place)).rejects.toThrow(
    /^BERTH_AGE_IDENTITY_FILE=.*nowhere is not there: make it/,
  );
  await expect(readIdentities({ dataDir, ageIdentityFile: dataDir })).rejects.toThrow(
    /EISDIR|can be read by/,
  );
});

test.each([0o604, 0o644, 0o666, 0o601])(
  'a file of mode %o is refused, with the command that mends it',
  async (mode) => {
    const place = await given(await generateIdentity(), mode);
    await expect(readIdentities(place)).rejects.toThrow(
      /can be read by everyone on this machine: `chmod 600 /,
    );
  },
);

test('so is the one in the data dir', async () => {
  await keepIdentities({ dataDir }, runStep);
  await chmod(file, 0o644);
  await expect(keepIdentities({ dataDir }, runStep)).rejects.toThrow(/chmod 600/);
});

test.each([
  ['nothing', '', /holds no age identity: restore it/],
  ['comments alone', '# a\n', /holds no age identity/],
  [
    'a recipient',
    'age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq',
    /mine\.txt:1 is no age identity/,
  ],
  ['an encrypted file', 'age-encryption.org/v1\n-> scrypt', /mine\.txt:1 is no age identity/],
])('a file of %s is refused', async (_, text, message) => {
  await expect(readIdentities(await given(text))).rejects.toThrow(message);
});

test('a misspelt identity is told by its line, and never repeated', async () => {
  const identity = await generateIdentity();
  const wrong = `${identity.slice(0, -1)}${identity.endsWith('Q') ? 'P' : 'Q'}`;
  const error = await readIdentities(await given(`# mine\n${wrong}\n`)).catch((thrown: Error) => thrown);
  expect(String(error)).toMatch(/mine\.txt:2 is no age identity/);
  expect(String(error)).not.toContain(wrong.slice(16, 40));
});

test('a file that is too large, or has too many, is refused', async () => {
  const identity = await generateIdentity();
  await expect(readIdentities(await given('#'.repeat(70_000)))).rejects.toThrow(/has 70000 bytes/);
  await expect(readIdentities(await given(`${identity}\n`.repeat(51)))).rejects.toThrow(
    /at most 50 are tried/,
  );
});

test('an empty file is not taken for a first start', async () => {
  await keepIdentities({ dataDir }, runStep);
  await writeFile(file, '');
  await expect(keepIdentities({ dataDir }, runStep)).rejects.toThrow(/holds no age identity: restore it/);
  await expect(addIdentity({ dataDir }, runStep)).rejects.toThrow(/holds no age identity/);
});

test('there is no recipient without an identity', async () => {
  await expect(newestRecipient([])).rejects.toThrow(/there is no key yet/);
});
