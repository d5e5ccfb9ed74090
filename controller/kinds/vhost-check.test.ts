/** Nothing hostile gets into a vhost as more than a word: nginx's own reading of the text keeps its shape. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { directivesOf } from '../../test/support/nginx-reading.ts';
import { StalledError } from '../core/errors.ts';
import type { VhostWant } from '../core/types.ts';
import { renderVhost } from './vhost-text.ts';

const OPTIONS = { owner: 'berth', http: { host: '127.0.0.1', port: 8080 } };

const BLOG: VhostWant = {
  key: 'blog',
  deployment: 'blog',
  hostnames: ['blog.example.org'],
  routes: [{ prefix: '/', service: 'web', strip: false }],
  backends: [{ service: 'web', instances: [{ key: 'blog-web-3f9a1c02', port: 3001 }] }],
  pinned: [],
  suspended: false,
  headers: {},
  maxBody: '100m',
  why: 'new',
};

const HOSTILE = [
  'a; return 200 pwned; #',
  '/a { return 200 x; } location /b',
  '/a {…} location /b { alias /etc/; }',
  'a\nb',
  'a\r\nSet-Cookie: x=1',
  'a\tb',
  'a\u2028b',
  '$host',
  '$'.concat('{x}'),
  '/$document_root',
  '"',
  "'",
  '\\',
  '/\\"; return 200 x;',
  '{{7*7}}',
  '{% raw %}',
  '~ ^/(.*)$',
  '= /x',
  '^~ /x',
  '@named',
  '//',
  '/../',
  '/a/./b',
  '/%2e%2e',
  '/%00',
  '/\0',
  `/${'a'.repeat(5_000)}`,
  '../../nginx',
  '.',
  '..',
  'a/b',
  '-rf',
  'nginx.conf',
  '*',
  '*.a',
  '',
  ' ',
  'bücher',
  'аpp',
  'a}',
  '#',
  '__proto__',
];

type Place = (value: string) => Partial<VhostWant>;

const PLACES: Record<string, Place> = {
  deployment: (value) => ({ deployment: value }),
  hostname: (value) => ({ hostnames: ['ok.example.org', value] }),
  route: (value) => ({ routes: [{ prefix: value, service: 'web', strip: true }] }),
  'routed service': (value) => ({ routes: [{ prefix: '/', service: value, strip: false }] }),
  service: (value) => ({ backends: [{ service: value, instances: [{ key: 'k', port: 3001 }] }] }),
  instance: (value) => ({ backends: [{ service: 'web', instances: [{ key: value, port: 3001 }] }] }),
  'header name': (value) => ({ headers: { [value]: 'x' } }),
  'header value': (value) => ({ headers: { 'X-Test': value } }),
  maxBody: (value) => ({ maxBody: value }),
};

/** A value that is fine at each place, and the skeleton that its text has. */
const BENIGN: Record<string, string> = {
  deployment: 'blog',
  hostname: 'more.example.org',
  route: '/x',
  'routed service': 'web',
  service: 'web',
  instance: 'blog-web-3f9a1c02',
  'header name': 'X-Test',
  'header value': 'x',
  maxBody: '1m',
};

describe.each(Object.entries(PLACES))('a hostile %s', (name, place) => {
  const shape = (value: string) =>
    directivesOf(renderVhost({ ...BLOG, ...place(value) }, OPTIONS)).map(([word, ...rest]) => [
      word,
      rest.length,
      rest.at(-1),
    ]);
  const benign = shape(BENIGN[name] ?? '');
  const holds = (value: string): void => {
    // A prefix of `/`, a service that leads nowhere, and a header that apps may add to have shapes of their own.
    if (value === '/' || (/service/.test(name) && value !== 'web') || /^(link|vary)$/i.test(value)) return;
    try {
      expect(shape(value)).toEqual(benign);
    } catch (error) {
      if (!(error instanceof StalledError)) throw error;
    }
  };

  it('from the list of bad inputs is refused, or is only a word', () => {
    for (const value of HOSTILE) holds(value);
  });

  it('of any sort is refused, or is only a word', () => {
    const pieces = fc.oneof(
      fc.constantFrom(...HOSTILE),
      fc.string({ unit: 'binary' }),
      fc.constantFrom(...'{};"$\\# \n/a.'),
    );
    const value = fc.oneof(
      pieces,
      fc.array(pieces, { maxLength: 6 }).map((parts) => parts.join('')),
      pieces.map((piece) => `${BENIGN[name]}${piece}`),
      pieces.map((piece) => `/${piece}`),
    );
    fc.assert(fc.property(value, holds), { numRuns: 1_500 });
  });
});

it.each([
  ['a port of 0', { backends: [{ service: 'web', instances: [{ key: 'k', port: 0 }] }] }],
  ['a port of 3.5', { pinned: [{ port: 3.5, service: 'web' }] }],
  ['the port of the sites, pinned', { pinned: [{ port: 8080, service: 'web' }] }],
  ['a timeout of NaN', { timeoutMs: Number.NaN }],
  ['a timeout below zero', { timeoutMs: -1 }],
  [
    'a route twice, with and without a slash at its end',
    { routes: ['/a', '/a/'].map((prefix) => ({ prefix, service: 'web', strip: false })) },
  ],
  ['one header in two cases', { headers: { 'X-A': '1', 'x-a': '2' } }],
  ['a header of the connection', { headers: { 'Transfer-Encoding': 'chunked' } }],
  ['a label of 64 characters', { hostnames: [`${'a'.repeat(64)}.org`] }],
  ['the host of the generation', { hostnames: ['berth.berth-generation.invalid'] }],
] as const)('%s is refused', (_what, want) => {
  expect(() => renderVhost({ ...BLOG, ...want }, OPTIONS)).toThrow(StalledError);
});

it('an error shows a hostile value short and on one line', () => {
  const hostname = `a\n${'b'.repeat(500)}`;
  expect(() => renderVhost({ ...BLOG, hostnames: [hostname] }, OPTIONS)).toThrow(
    /^the hostname "a\\nb{1,80}… can't/,
  );
});
