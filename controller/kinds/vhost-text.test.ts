import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StalledError } from '../core/errors.ts';
import type { VhostWant } from '../core/types.ts';
import { ownerOf, readServes, renderVhost } from './vhost-text.ts';

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

const CARESYNC: VhostWant = {
  ...BLOG,
  routes: [
    { prefix: '/', service: 'web', strip: false },
    { prefix: '/api/', service: 'api', strip: true },
    { prefix: '/docs', service: 'docs', strip: false },
  ],
  backends: [
    {
      service: 'web',
      instances: [
        { key: 'blog-web-3f9a1c02-2', port: 3003 },
        { key: 'blog-web-3f9a1c02-1', port: 3002 },
      ],
    },
    { service: 'api', instances: [{ key: 'blog-api-00000001', port: 3001 }] },
  ],
  pinned: [{ port: 2999, service: 'api' }],
  headers: { 'X-Frame-Options': 'DENY' },
  timeoutMs: 90_000,
};

describe('the text of a vhost', () => {
  it('of one service is this', () => {
    expect(renderVhost(BLOG, OPTIONS)).toMatchSnapshot();
  });

  it('of routes, replicas, a pinned port and headers is this', () => {
    expect(renderVhost(CARESYNC, OPTIONS)).toMatchSnapshot();
  });

  it('does not depend on the order in which things are told', () => {
    const turned = {
      ...CARESYNC,
      routes: CARESYNC.routes.toReversed(),
      backends: CARESYNC.backends.map((b) => ({ ...b, instances: b.instances.toReversed() })).toReversed(),
    };
    expect(renderVhost(turned, OPTIONS)).toBe(renderVhost(CARESYNC, OPTIONS));
  });

  it('does not depend on why it is wanted', () => {
    expect(renderVhost({ ...BLOG, why: 'other', wait: { why: 'x' } }, OPTIONS)).toBe(
      renderVhost(BLOG, OPTIONS),
    );
  });

  it('leads nowhere while suspended, and says so in its header', () => {
    const text = renderVhost({ ...CARESYNC, suspended: true }, OPTIONS);
    expect(text).not.toContain('proxy_pass');
    expect(text).not.toMatch(/^upstream /m);
    expect(text.match(/return 503 \$berth_berth_stopped_page;/g)).toHaveLength(2);
    expect(readServes(text)).toEqual({});
  });

  it('shows the deploying page for a service without instances', () => {
    const text = renderVhost({ ...BLOG, backends: [] }, OPTIONS);
    expect(text).toContain('return 503 $berth_berth_deploying_page;');
    expect(text).toContain('add_header "Retry-After" "5" always;');
  });

  it("never falls through to nginx's own files", () => {
    const text = renderVhost({ ...BLOG, routes: [{ prefix: '/a', service: 'web', strip: false }] }, OPTIONS);
    expect(text).toContain('location "/" {\n        return 404;\n    }');
  });

  it('keeps a quote in a header value as a quote', () => {
    const text = renderVhost({ ...BLOG, headers: { 'Alt-Svc': 'h3=":443"; ma=1' } }, OPTIONS);
    expect(skeleton(text)).toContainEqual(['add_header', 'Alt-Svc', 'h3=":443"; ma=1', 'always', ';']);
  });
});

describe('the header of a vhost', () => {
  it('tells what it serves and whose it is', () => {
    const text = renderVhost(CARESYNC, OPTIONS);
    expect(readServes(text)).toEqual({
      api: ['blog-api-00000001'],
      web: ['blog-web-3f9a1c02-1', 'blog-web-3f9a1c02-2'],
    });
    expect(ownerOf(text)).toBe('berth');
  });

  it.each([
    ['', undefined],
    ['server {}', undefined],
    ['\n# berth owner=berth deployment=blog\n', undefined],
    ['# berth owner=berth deployment=blog', 'berth'],
    ['# berth owner=BERTH deployment=blog\n', undefined],
  ])('of %j names the owner %j', (text, owner) => {
    expect(ownerOf(text)).toBe(owner);
  });

  it('is read no further than it goes', () => {
    const text = '# berth owner=berth deployment=a\n# serves web=x\nserver {\n# serves web=evil\n}\n';
    expect(readServes(text)).toEqual({ web: ['x'] });
  });
});

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
    skeleton(renderVhost({ ...BLOG, ...place(value) }, OPTIONS)).map(([word, ...rest]) => [
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

/** Nginx's own reading of a file: each directive as its words and what ends it, `;`, `{` or `}`. */
function skeleton(text: string): string[][] {
  const words: string[][] = [];
  let current: string[] = [];
  for (let at = 0; at < text.length; ) {
    const char = text.charAt(at);
    if (/\s/.test(char)) at += 1;
    else if (char === '#') at = endOfLine(text, at);
    else if (/[;{}]/.test(char)) {
      words.push([...current, char]);
      current = [];
      at += 1;
    } else {
      const [word, end] = readWord(text, at);
      current.push(word);
      at = end;
    }
  }
  return words;
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}

function readWord(text: string, start: number): [word: string, end: number] {
  const quoted = /["']/.test(text.charAt(start)) ? text.charAt(start) : undefined;
  let word = '';
  for (let at = start + (quoted ? 1 : 0); at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === '\\') {
      at += 1;
      word += text.charAt(at);
    } else if (quoted ? char === quoted : /[\s;{]/.test(char)) return [word, quoted ? at + 1 : at];
    else word += char;
  }
  throw new Error('a word does not end');
}
