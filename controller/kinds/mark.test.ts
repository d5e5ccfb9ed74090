import { expect, test } from 'vitest';
import { markOf, ownedBy, readMark } from './mark.ts';

const longest = 'a'.repeat(40);

test('a mark is read as it was written, and fits a comment of a free plan', () => {
  expect(readMark(markOf({ owner: 'home', deployment: 'blog' }))).toEqual({
    owner: 'home',
    deployment: 'blog',
  });
  expect(markOf({ owner: longest, deployment: longest }).length).toBeLessThanOrEqual(100);
});

test.each([
  '',
  'berth:home',
  'berth:home/',
  'berth:/blog',
  'berth:home/blog ',
  ' berth:home/blog',
  'berth:home/blog\n',
  'berth:home/Blog',
  'berth:home/a/b',
  'managed by berth:home/blog',
  `berth:home/${longest}a`,
  'berth:home/constructor',
])('%j is no mark', (comment) => {
  expect(readMark(comment)).toBeUndefined();
});

test('only a CNAME with our own mark is ours', () => {
  const record = { id: 'r', zone: 'z', name: 'a.example.com', content: 'x', proxied: true };
  const of = (type: string, comment: string) => ownedBy({ ...record, type, comment }, 'home');
  expect(of('CNAME', 'berth:home/blog')).toBe('blog');
  expect(of('CNAME', 'berth:other/blog')).toBeUndefined();
  expect(of('A', 'berth:home/blog')).toBeUndefined();
});
