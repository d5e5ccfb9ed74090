import { expect, test } from 'vitest';
import { siteUrl } from './site-url.ts';

const http = { host: '127.0.0.1', port: 8080 };
const cloudflare = { token: 't', tunnel: 'home', baseUrl: 'https://x', connector: 'off' } as const;

test("a site is found on nginx's own port, which is left out where it is the usual one", () => {
  expect(siteUrl('a.localhost', { http })).toBe('http://a.localhost:8080');
  expect(siteUrl('a.example.com', { http: { ...http, port: 80 } })).toBe('http://a.example.com');
});

test('through the tunnel it is found by https, unless its name is of this machine alone', () => {
  expect(siteUrl('a.example.com', { http, cloudflare })).toBe('https://a.example.com');
  expect(siteUrl('a.localhost', { http, cloudflare })).toBe('http://a.localhost:8080');
});
