import { describe, expect, it } from 'vitest';
import { directivesOf } from '../../test/support/nginx-reading.ts';
import type { VhostWant } from '../core/types.ts';
import { ownerOf, readServerNames, readServes, renderVhost } from './vhost-text.ts';

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
    expect(directivesOf(text)).toContainEqual(['add_header', 'Alt-Svc', 'h3=":443"; ma=1', 'always', ';']);
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

  it('is followed by the hostnames that it takes, and those of a stranger are not read', () => {
    const hostnames = ['blog.example.org', 'www.example.org'];
    const text = renderVhost({ ...BLOG, hostnames, pinned: [{ port: 4000, service: 'web' }] }, OPTIONS);
    expect(readServerNames(text)).toEqual(hostnames);
    expect(readServerNames('server { server_name "blog.example.org"; }')).toEqual([]);
    expect(readServerNames(renderVhost({ ...BLOG, hostnames: [] }, OPTIONS))).toEqual([]);
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
