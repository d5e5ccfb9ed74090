import { expect, test } from 'vitest';
import { parseDuration, parseSize } from './units.ts';

test.each([
  ['0s', 0],
  ['500ms', 500],
  ['30s', 30_000],
  ['5m', 300_000],
  ['24h', 86_400_000],
  ['24000h', 86_400_000_000],
])('the duration %s is %d ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each([
  '',
  '5',
  's',
  '1h30',
  '1h30m',
  '-5s',
  '+5s',
  '1.5s',
  '1e9s',
  'NaN',
  '.inf',
  ' 5s',
  '5s ',
  '5 s',
  '5S',
  '24001h',
  '9999999999s',
  '٣s',
])('%j is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test.each([
  ['512k', 524_288],
  ['1m', 1_048_576],
  ['1.5g', 1_610_612_736],
])('the size %s is %d bytes', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(['', '5', 'm', '-1m', '1e9', '1.m', '5mb', '5M', '9999999999g', '1,5g'])(
  '%j is no size',
  (text) => {
    expect(parseSize(text)).toBeUndefined();
  },
);
