import { expect, test } from 'vitest';
import type { VhostWant, Wanted } from '../core/types.ts';
import { publicHosts, zoneOf } from './public-hosts.ts';
import { serviceUrl } from './publish.ts';

function wanted(...vhosts: readonly Pick<VhostWant, 'deployment' | 'hostnames'>[]): Wanted {
  return { vhosts } as unknown as Wanted;
}

test('every hostname of every vhost is public, once', () => {
  const two = wanted(
    { deployment: 'a', hostnames: ['a.example.com', 'example.com'] },
    { deployment: 'b', hostnames: ['example.com', 'b.example.com'] },
  );
  expect(publicHosts(two)).toEqual([
    { hostname: 'a.example.com', deployment: 'a' },
    { hostname: 'example.com', deployment: 'a' },
    { hostname: 'b.example.com', deployment: 'b' },
  ]);
});

test('names that mean this machine or this house are not', () => {
  const home = ['localhost', 'a.localhost', 'nas.local', 'a.b.test', 'notlocalhost', 'local.example.com'];
  const names = publicHosts(wanted({ deployment: 'a', hostnames: home })).map(({ hostname }) => hostname);
  expect(names).toEqual(['notlocalhost', 'local.example.com']);
});

test('a hostname lies in the longest zone that ends it, at a dot', () => {
  const zones = ['example.com', 'eu.example.com', 'com.net'].map((name) => ({ id: name, name }));
  const zone = (hostname: string) => zoneOf(hostname, zones)?.name;
  expect(zone('example.com')).toBe('example.com');
  expect(zone('a.b.example.com')).toBe('example.com');
  expect(zone('a.eu.example.com')).toBe('eu.example.com');
  expect(zone('badexample.com')).toBeUndefined();
  expect(zone('com')).toBeUndefined();
});

test.each([
  ['127.0.0.1', 'http://127.0.0.1:8080'],
  ['192.168.1.4', 'http://192.168.1.4:8080'],
  ['localhost', 'http://localhost:8080'],
  ['0.0.0.0', 'http://127.0.0.1:8080'],
  ['::', 'http://[::1]:8080'],
  ['[::1]', 'http://[::1]:8080'],
])('nginx on %s is reached at %s', (host, url) => {
  expect(serviceUrl({ host, port: 8080 })).toBe(url);
});
