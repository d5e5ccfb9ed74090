import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMask } from './mask.ts';

const SECRET = 'hunter2/+ "quoted" é?';

function maskOf(...secrets: readonly string[]) {
  const mask = createMask();
  for (const secret of secrets) mask.add(secret);
  return mask;
}

/** What a program may print of a secret. */
const PRINTED: readonly (readonly [string, (secret: string) => string])[] = [
  ['as it is', (secret) => secret],
  ['in base64', (secret) => Buffer.from(secret).toString('base64').replace(/=+$/, '')],
  ['in base64url', (secret) => Buffer.from(secret).toString('base64url')],
  ['in a URL', encodeURIComponent],
  ['in a query', (secret) => new URLSearchParams({ q: secret }).toString().slice(2)],
  [
    'in a URL with small letters',
    (secret) => encodeURIComponent(secret).replace(/%../g, (code) => code.toLowerCase()),
  ],
  ['in JSON', (secret) => JSON.stringify(secret).slice(1, -1)],
  ['in ASCII JSON', (secret) => JSON.stringify(secret).slice(1, -1).replace('é', '\\u00e9')],
  ['in hex', (secret) => Buffer.from(secret).toString('hex')],
  ['in large hex', (secret) => Buffer.from(secret).toString('hex').toUpperCase()],
];

test.each(PRINTED)('a secret is hidden %s', (_, print) => {
  const text = `before ${print(SECRET)} after`;
  expect(maskOf(SECRET).text(text)).toMatch(/^before \[redacted\].{0,3} after$/);
});

test('base64 of a longer text hides the secret in it, wherever it starts', () => {
  for (const before of ['', 'a', 'ab', 'abc', 'user:']) {
    const shown = maskOf(SECRET).text(Buffer.from(`${before}${SECRET}tail`).toString('base64'));
    expect(shown).toContain('[redacted]');
    expect(Buffer.from(shown.split('[')[0] ?? '', 'base64').toString()).not.toContain('hu');
  }
});

test('base64 that was broken into lines is hidden line by line', () => {
  const secret = 'correct horse battery staple '.repeat(10);
  const lines =
    Buffer.from(secret)
      .toString('base64')
      .match(/.{1,76}/g) ?? [];
  expect(lines.length).toBeGreaterThan(3);
  for (const line of lines.slice(0, -1)) expect(maskOf(secret).text(line)).toBe('[redacted]');
});

test('the long lines of a key file are hidden one by one, and its frame is not', () => {
  const key =
    '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\r\nEFAASCBKcwggSjAgEAAoIBAQC7\n-----END PRIVATE KEY-----\n';
  const mask = maskOf(key);
  expect(mask.text('x MIIEvQIBADANBgkqhkiG9w0BAQ y')).toBe('x [redacted] y');
  expect(mask.text('EFAASCBKcwggSjAgEAAoIBAQC7')).toBe('[redacted]');
  expect(mask.text('-----BEGIN PRIVATE KEY-----')).toBe('-----BEGIN PRIVATE KEY-----');
  expect(mask.text(key)).toBe('[redacted]');
});

test('a secret without the blanks around it is hidden too', () => {
  expect(maskOf('hunter2\n').text('it is hunter2.')).toBe('it is [redacted].');
});

test('a secret that is too short to be one is left alone', () => {
  expect(maskOf('on', '', '12345').text('turned on: 12345')).toBe('turned on: 12345');
  expect(maskOf('123456').text('it is 123456')).toBe('it is [redacted]');
});

test('secrets that overlap leave no end of either', () => {
  const mask = maskOf('abcdefgh', 'efghijkl', 'abcdef');
  expect(mask.text('<abcdefghijkl>')).toBe('<[redacted]>');
  expect(mask.text('<abcdef>')).toBe('<[redacted]>');
});

test('a beginning that was cut off before an ellipsis is hidden, if it is long enough to tell', () => {
  const mask = maskOf('correct horse battery');
  expect(mask.text('it said: correct horse ba… and more')).toBe('it said: [redacted]… and more');
  expect(mask.text('it said: corr…')).toBe('it said: corr…');
  expect(mask.text('correct horse battery… correct h')).toBe('[redacted]… correct h');
});

test('a mask without secrets changes nothing', () => {
  const mask = maskOf();
  expect(mask.text('a [redacted] b')).toBe('a [redacted] b');
  expect(mask.stream().push('abc')).toBe('abc');
});

test('a stream holds back only what may be the beginning of a secret', () => {
  const stream = maskOf('hunter2').stream();
  expect(stream.push('user hun')).toBe('user ');
  expect(stream.push('gry')).toBe('hungry');
  expect(stream.push(' h')).toBe(' ');
  expect(stream.push('unter2 and h')).toBe('[redacted] and ');
  expect(stream.end()).toBe('h');
  expect(stream.push('unter2')).toBe('unter2');
});

test('what a stream holds back never grows past the longest form', () => {
  const stream = maskOf('aaaaaaaa').stream();
  let shown = 0;
  for (let index = 0; index < 1_000; index += 1) shown += stream.push('a').length;
  expect(shown).toBe('[redacted]'.length);
  expect(stream.end()).toBe('');
});

// Few letters, so that secrets overlap themselves, each other and the ends of pieces.
const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'é', ' '), minLength: 0, maxLength: 24 });
const secrets = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'é'), minLength: 6, maxLength: 10 }), {
  minLength: 1,
  maxLength: 4,
});
const printed = (secret: string) => fc.constantFrom(...PRINTED).map(([, print]) => print(secret));

test('however a text is cut, the pieces are masked as the whole is', () => {
  const texts = secrets.chain((some) =>
    fc.record({
      some: fc.constant(some),
      pieces: fc.array(fc.oneof(letters, fc.constantFrom(...some).chain(printed)), { maxLength: 8 }),
      cuts: fc.array(fc.nat({ max: 200 }), { maxLength: 12 }),
    }),
  );
  fc.assert(
    fc.property(texts, ({ some, pieces, cuts }) => {
      const mask = maskOf(...some);
      const whole = pieces.join('');
      const at = [0, ...cuts.map((cut) => Math.min(cut, whole.length)).sort((a, b) => a - b), whole.length];
      const stream = mask.stream();
      const parts = at.slice(1).map((end, index) => stream.push(whole.slice(at[index], end)));
      expect(parts.join('') + stream.end()).toBe(mask.text(whole));
    }),
    { numRuns: 2_000 },
  );
});

test('whatever stands around it, no form of a secret is left', () => {
  fc.assert(
    fc.property(
      fc
        .string({ minLength: 6, maxLength: 40 })
        .chain((secret) => fc.tuple(fc.constant(secret), printed(secret))),
      fc.string(),
      fc.string(),
      ([secret, form], before, after) => {
        const shown = maskOf(secret).text(before + form + after);
        expect(shown.split('[redacted]').some((part) => part.includes(form))).toBe(false);
      },
    ),
    { numRuns: 1_000 },
  );
});

test('a thousand secrets make a line no slower than ten', () => {
  const line = `${'a perfectly harmless line of a build log, '.repeat(3)}end`;
  const time = (count: number): number => {
    const mask = maskOf(...Array.from({ length: count }, (_, index) => `${index * 7919}-secret-${index}`));
    mask.text(line);
    const begun = performance.now();
    for (let index = 0; index < 2_000; index += 1) mask.text(line);
    return performance.now() - begun;
  };
  time(10);
  expect(time(1_000)).toBeLessThan(Math.max(time(10) * 20, 500));
});
