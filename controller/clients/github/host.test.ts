import { expect, test } from 'vitest';
import { gitCredentials, gitOrigin, repoOn } from './host.ts';

const API = 'https://api.github.com';

test('an API speaks for one Git host', () => {
  expect(gitOrigin(API)).toBe('https://github.com');
  expect(gitOrigin('https://git.corp.example/api/v3')).toBe('https://git.corp.example');
  expect(gitOrigin('http://127.0.0.1:4711/api/v3')).toBe('http://127.0.0.1:4711');
});

test('a repo is told by its address, however it is spelt', () => {
  const blog = { owner: 'acme', name: 'blog' };
  for (const address of ['acme/blog', 'acme/blog.git', 'acme/blog/', 'acme/blog.git/'])
    expect(repoOn(API, `https://github.com/${address}`)).toEqual(blog);
  expect(repoOn(API, 'https://GitHub.com:443/acme/blog')).toEqual(blog);
});

test.each([
  ['another host', 'https://gitlab.com/acme/blog'],
  ['a host that only begins like it', 'https://github.com.evil.example/acme/blog'],
  ['a user name that looks like it', 'https://github.com@evil.example/acme/blog'],
  ['a user name', 'https://me@github.com/acme/blog'],
  ['another port', 'https://github.com:8443/acme/blog'],
  ['plain http', 'http://github.com/acme/blog'],
  ['the API itself', 'https://api.github.com/acme/blog'],
  ['one part', 'https://github.com/acme'],
  ['three parts', 'https://github.com/acme/blog/tree'],
  ['a name that climbs', 'https://github.com/acme/..%2f..'],
  ['a query', 'https://github.com/acme/blog?x'],
  ['a path of this machine', '/srv/git/acme/blog'],
  ['the config repo', '.'],
])('%s is no repo there', (_what, address) => {
  expect(repoOn(API, address)).toBeUndefined();
});

test('the token goes to exactly that origin', () => {
  const login = gitCredentials({ apiUrl: 'http://127.0.0.1:4711/api/v3', token: 'T' });
  expect(login(new URL('http://127.0.0.1:4711/acme/blog'))).toEqual({
    username: 'x-access-token',
    password: 'T',
  });
  for (const other of ['http://127.0.0.1:4712', 'https://127.0.0.1:4711', 'http://localhost:4711'])
    expect(login(new URL(`${other}/acme/blog`))).toBeUndefined();
  expect(gitCredentials({ apiUrl: API })(new URL('https://github.com/acme/blog'))).toBeUndefined();
});
