import { format, inspect } from 'node:util';
import { expect, test } from 'vitest';
import { secretOf } from './secret.ts';

const secret = secretOf('00112233445566aa', async () => 'hunter2');

test('however it is printed, it is redacted', () => {
  expect(`${secret}`).toBe('[redacted]');
  expect(String(secret)).toBe('[redacted]');
  expect(`${'url='}${secret as unknown as string}`).toBe('url=[redacted]');
  expect(JSON.stringify({ env: { A: secret } })).toBe('{"env":{"A":"[redacted]"}}');
  expect(inspect({ env: { A: secret } })).toBe('{ env: { A: [redacted] } }');
  for (const form of ['%s', '%o', '%O', '%j']) expect(format(form, secret)).toMatch(/^"?\[redacted\]"?$/);
});

test('nothing of it holds the value, whoever digs', () => {
  expect(inspect(secret, { customInspect: false, showHidden: true, depth: null })).not.toContain('hunter2');
  expect(Object.keys(secret)).toEqual(['fingerprint', 'open']);
  expect(Object.isFrozen(secret)).toBe(true);
});

test('its fingerprint is for all to see, and its value for who asks', async () => {
  expect(secret.fingerprint).toBe('00112233445566aa');
  expect(await secret.open()).toBe('hunter2');
});
