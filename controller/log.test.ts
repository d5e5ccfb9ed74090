import { expect, test } from 'vitest';
import { StalledError } from './core/errors.ts';
import { createLog } from './log.ts';

function capture(level: 'debug' | 'info' | 'warn' | 'error' = 'info') {
  const lines: string[] = [];
  return { lines, log: createLog(level, (line) => lines.push(line)) };
}

test('an event is one plain line that starts with the time', () => {
  const { log, lines } = capture();
  log.info('instance blog-web-3f9a1c02 created: new service', { took: 12, commit: 'abc' });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(
    /^\d\d:\d\d:\d\d instance blog-web-3f9a1c02 created: new service took=12 commit=abc\n$/,
  );
});

test('levels below the one asked for are silent, and the ones above info carry their word', () => {
  const { log, lines } = capture('warn');
  log.debug('a');
  log.info('b');
  log.warn('c');
  log.error('d');
  expect(lines.map((line) => line.slice(9))).toEqual(['warning: c\n', 'error: d\n']);
});

test('a message can neither forge a line nor steer the terminal', () => {
  const { log, lines } = capture();
  log.info('built\n07:41:02 all is well\u001b[2J\u202e', { text: 'x\r\ny\u0085' });
  expect(lines).toHaveLength(1);
  expect(lines[0]?.slice(9)).toBe('built\\n07:41:02 all is well\\u001b[2J\\u202e text=x\\r\\ny\\u0085\n');
});

test('a registered secret is redacted in messages, fields, errors, base64, URLs and JSON', () => {
  const { log, lines } = capture();
  const secret = 'hunter2/+ "quoted" é';
  log.redact(secret);
  log.info(`password is ${secret}`);
  log.info('field', { value: secret, nested: { deep: [secret] } });
  log.error('failed', { error: new Error(`bad ${secret}`) });
  for (const before of ['', 'a', 'ab', 'abc'])
    log.info(Buffer.from(`${before}${secret}tail`).toString('base64'));
  log.info(`http://x/?q=${encodeURIComponent(secret)}`);
  const all = lines.join('');
  expect(all).not.toContain('hunter2');
  expect(all.match(/\[redacted\]/g)?.length).toBeGreaterThanOrEqual(9);
  expect(all).not.toContain(Buffer.from('unter2').toString('base64').slice(0, 7));
});

test('a secret that is too short to be one is left alone', () => {
  const { log, lines } = capture();
  log.redact('on');
  log.redact('');
  log.info('turned on');
  expect(lines[0]).toContain('turned on');
});

test('a bug brings its stack, indented; an expected error only its sentence', () => {
  const { log, lines } = capture();
  log.error('pass failed', { error: new Error('boom') });
  log.warn('deployment blog failed', { error: new StalledError('the build failed: fix the Dockerfile') });
  expect(lines[0]).toMatch(/error: pass failed error=boom\n {4}Error: boom\n {4}at .*log\.test\.ts/);
  expect(lines[1]?.slice(9)).toBe(
    'warning: deployment blog failed error=the build failed: fix the Dockerfile\n',
  );
});

test('a value that has no JSON is shown all the same', () => {
  const { log, lines } = capture();
  const ring: { self?: unknown } = {};
  ring.self = ring;
  log.info('odd', { ring, big: 10n, none: undefined });
  expect(lines[0]?.slice(9)).toBe('odd ring=[object Object] big=10\n');
});

test('as JSON an event is one object with time, level, message and fields, and no secret', () => {
  const lines: string[] = [];
  const log = createLog('info', (line) => lines.push(line), 'json');
  log.redact('s3cret"token');
  log.warn('no luck with s3cret"token', { commit: 'abc' });
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    level: 'warn',
    message: 'no luck with [redacted]',
    commit: 'abc',
  });
});

test('a secret of several lines is found before its line ends are escaped', () => {
  const { log, lines } = capture();
  log.redact('first-half\nsecond\u0085half\n');
  log.info('it is first-half\nsecond\u0085half', { error: new Error('no first-half\nsecond\u0085half') });
  expect(lines.join('')).not.toMatch(/first|second/);
});

test('what its mask learns by another way is redacted in lines, and the other way round', () => {
  const { log, lines } = capture();
  log.mask.add('hunter2');
  log.info('hunter2');
  expect(lines[0]).toContain(' [redacted]');
  log.redact('correct horse');
  expect(log.mask.text('a correct horse')).toBe('a [redacted]');
});
