import { expect, test } from 'vitest';
import { repoPlace, samePlace } from './repo-place.ts';

test.each([
  ['https://github.com/acme/blog', 'github.com/acme/blog'],
  ['https://GitHub.com/Acme/Blog.git', 'github.com/acme/blog'],
  ['https://github.com/acme/blog.git/', 'github.com/acme/blog'],
  ['http://github.com:80/acme/blog//', 'github.com/acme/blog'],
  ['https://user:secret@github.com/acme/blog?x#y', 'github.com/acme/blog'],
  ['http://127.0.0.1:8418/acme/blog', '127.0.0.1:8418/acme/blog'],
  ['https://github.com/', undefined],
  ['git@github.com:acme/blog.git', undefined],
  ['/srv/git/blog', undefined],
  ['https://', undefined],
  ['', undefined],
])('%s is %s', (address, place) => {
  expect(repoPlace(address)).toBe(place);
});

test('another host, port or owner is another place, and a path alone is that path of any host', () => {
  expect(samePlace('github.com/acme/blog', 'github.com/acme/blog')).toBe(true);
  expect(samePlace('github.com/acme/blog', '/acme/blog')).toBe(true);
  expect(samePlace('/acme/blog', 'github.com/acme/blog')).toBe(true);
  expect(samePlace('github.com/acme/blog', 'gitlab.com/acme/blog')).toBe(false);
  expect(samePlace('github.com:8443/acme/blog', 'github.com/acme/blog')).toBe(false);
  expect(samePlace('github.com/acme/blog', '/evil/acme/blog')).toBe(false);
  expect(samePlace('github.com/fork/blog', '/acme/blog')).toBe(false);
});
