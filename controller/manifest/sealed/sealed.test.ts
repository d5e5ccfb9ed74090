import {
  Decrypter,
  Encrypter,
  generateHybridIdentity,
  generateIdentity,
  identityToRecipient,
} from 'age-encryption';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openSealed, readSealed } from './open.ts';
import { seal } from './seal.ts';

const place = { deployment: 'blog', service: 'web', name: 'DATABASE_URL' };
const identity = await generateIdentity();
const recipient = await identityToRecipient(identity);
const again = 'seal the value again with `berth seal blog/web --name DATABASE_URL`';

/** What an author with the public recipient may seal by other means. */
async function sealBytes(bytes: Uint8Array | string, to = recipient): Promise<string> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(to);
  return Buffer.from(await encrypter.encrypt(bytes)).toString('base64');
}

const faultOf = async (text: string, at = place, keys = [identity]): Promise<string> => {
  const read = await readSealed(text, at, keys);
  return 'fault' in read ? read.fault : `opened: ${read.value}`;
};

test.each([
  ['a password', 'hunter2'],
  ['nothing', ''],
  ['several lines', '-----BEGIN KEY-----\nabc\r\n\n-----END KEY-----\n'],
  ['blanks at both ends', '  a b \t'],
  ['other scripts and emoji', 'héllo 你好 👩‍💻'],
  ['a byte order mark', '\ufeffx'],
  ['what JSON and shells care about', '"\\u0000" $(id) `x` {{y}} \u2028'],
  ['100 kB', 'x'.repeat(100_000)],
])('%s comes back byte for byte', async (_, value) => {
  const text = await seal(value, place, recipient);
  expect(text).toMatch(/^[A-Za-z0-9+/]+=*$/);
  expect(await openSealed(text, place, [identity])).toBe(value);
});

test('any text comes back byte for byte', async () => {
  const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0'));
  await fc.assert(
    fc.asyncProperty(text, async (value) => {
      expect(await openSealed(await seal(value, place, recipient), place, [identity])).toBe(value);
    }),
    { numRuns: 50 },
  );
});

test.each([
  ['a NUL', 'a\0b', /holds a NUL character/],
  ['half a character', 'a\ud800', /holds half a character/],
  ['more than a process can be given', 'x'.repeat(131_072), /the system passes at most 131072/],
])('%s is neither sealed nor opened', async (_, value, message) => {
  await expect(seal(value, place, recipient)).rejects.toThrow(message);
  const forged = await sealBytes(JSON.stringify({ v: 1, ...place, value }));
  expect(await faultOf(forged)).toMatch(message);
});

test('the same value is another text each time', async () => {
  expect(await seal('hunter2', place, recipient)).not.toBe(await seal('hunter2', place, recipient));
});

test.each([
  ['deployment', { ...place, deployment: 'shop' }],
  ['service', { ...place, service: 'api' }],
  ['name', { ...place, name: 'SHOWN_ON_THE_PAGE' }],
])('what is copied to another %s is refused, and told where it is from', async (_, other) => {
  const text = await seal('hunter2', place, recipient);
  const fault = await faultOf(text, other);
  expect(fault).toContain('was sealed for DATABASE_URL of blog/web and opens nowhere else');
  expect(fault).toContain(`berth seal ${other.deployment}/${other.service} --name ${other.name}`);
});

test('a place that somebody made up can not steer a terminal', async () => {
  const value = { v: 1, deployment: 'a\u001b[2J\n', service: 'web', name: `x${'y'.repeat(500)}`, value: 'v' };
  const fault = await faultOf(await sealBytes(JSON.stringify(value)));
  expect(fault).toMatch(/^[\x20-\x7e…]{1,400}$/);
});

test('another controller can not open it', async () => {
  const text = await seal('hunter2', place, recipient);
  expect(await faultOf(text, place, [await generateIdentity()])).toBe(
    `was sealed for another controller, or is damaged: ${again}`,
  );
  expect(await faultOf(text, place, [])).toContain('there is no key yet');
});

test('after a rotation both the old and the new key open what was sealed for them', async () => {
  const newer = await generateIdentity();
  const keys = [identity, newer];
  for (const to of [recipient, await identityToRecipient(newer)])
    expect(await openSealed(await seal('hunter2', place, to), place, keys)).toBe('hunter2');
});

test('a key that withstands quantum computers does as well', async () => {
  const hybrid = await generateHybridIdentity();
  const text = await seal('hunter2', place, await identityToRecipient(hybrid));
  expect(await openSealed(text, place, [identity, hybrid])).toBe('hunter2');
});

test('one changed byte anywhere, in header, share, body, mac, nonce or text, opens nothing and tells nothing', async () => {
  const file = Buffer.from(await seal('hunter2', place, recipient), 'base64');
  for (let at = 0; at < file.length; at += 1) {
    const broken = Buffer.from(file);
    broken[at] = (broken[at] ?? 0) ^ 1;
    expect(await faultOf(broken.toString('base64'))).toMatch(/damaged.*: seal the value again/);
  }
});

test('what is cut off or has a tail is damaged', async () => {
  const file = Buffer.from(await seal('hunter2', place, recipient), 'base64');
  const cuts = [0, 1, 21, 22, 60, 150, 200, file.length - 17, file.length - 16, file.length - 1];
  for (const end of cuts) expect(await faultOf(file.toString('base64', 0, end))).toContain('is damaged');
  const longer = Buffer.concat([file, Buffer.from('x')]);
  expect(await faultOf(longer.toString('base64'))).toContain('is damaged');
});

test('bytes that are no age file are damaged, whatever they are', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      expect(await faultOf(Buffer.from(bytes).toString('base64'))).toContain('is damaged');
    }),
    { numRuns: 100 },
  );
});

test.each([
  ['text', 'hunter2'],
  ['another form', '{"value":"hunter2"}'],
  ['a number for a value', JSON.stringify({ v: 1, ...place, value: 5 })],
  ['null', 'null'],
  ['no UTF-8', Uint8Array.of(0xff, 0xfe)],
])('%s that was sealed by other means is refused without being told', async (_, content) => {
  expect(await faultOf(await sealBytes(content))).toBe(`was not made by \`berth seal\`: ${again}`);
});

test('a newer version says so', async () => {
  const text = await sealBytes(JSON.stringify({ v: 2, anything: true }));
  expect(await faultOf(text)).toContain('was sealed by a newer version of Berth: update this one');
});

test('a header of a thousand recipients costs no tries', async () => {
  const encrypter = new Encrypter();
  for (let index = 0; index < 5; index += 1) encrypter.addRecipient(recipient);
  const bytes = await encrypter.encrypt(JSON.stringify({ v: 1, ...place, value: 'x' }));
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  expect(await decrypter.decrypt(bytes, 'text')).toContain('"v":1');
  expect(await faultOf(Buffer.from(bytes).toString('base64'))).toContain('is damaged');
});

test.each(['', 'age1', 'age1qqqq', `age1${'q'.repeat(58)}`, identity, 'ssh-ed25519 AAAA'])(
  'a recipient that is none is refused and not repeated',
  async (to) => {
    const error = await seal('hunter2', place, to).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({
      name: 'StalledError',
      message: expect.stringContaining('is no recipient'),
    });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('AGE-SECRET-KEY');
  },
);

test('an error names the key and the fix', async () => {
  await expect(openSealed('YWdl', place, [identity])).rejects.toThrow(
    `DATABASE_URL of blog/web is damaged (cut off or changed): ${again}`,
  );
});
