import { describe, expect, it } from 'vitest';
import { StalledError } from '../../core/errors.ts';
import { blamedIn, reasonOf } from './command.ts';
import { generationOf, readOmissions, readPages, renderConf, renderShared } from './config.ts';
import { listensIn } from './ports.ts';
import { listenAddress, quote, readHeader, siteHeader, variables } from './words.ts';

describe('a value for nginx', () => {
  it('is quoted', () => {
    expect(quote('a "b"; {c}')).toBe('"a \\"b\\"; {c}"');
  });

  it.each(['$host', 'a\\', 'a\nb', '\u2028', 'é', '\0'])('is refused when it is %j', (value) => {
    expect(() => quote(value)).toThrow(StalledError);
  });
});

it('a header is read back', () => {
  expect(readHeader(`${siteHeader('berth', 'blog')}\nserver {}`)).toEqual({
    owner: 'berth',
    deployment: 'blog',
  });
});

it.each([
  ['127.0.0.1', '127.0.0.1:8080'],
  ['0.0.0.0', '0.0.0.0:8080'],
  ['::1', '[::1]:8080'],
  ['[::1]', '[::1]:8080'],
])('nginx listens on %s as %s', (host, address) => {
  expect(listenAddress({ host, port: 8080 })).toBe(address);
});

it.each(['a; evil', 'unix:/x', ''])('nginx does not listen on %j', (host) => {
  expect(() => listenAddress({ host, port: 8080 })).toThrow(StalledError);
});

describe("nginx's own words", () => {
  const words = [
    'nginx: [warn] conflicting server name "x" on 127.0.0.1:8080, ignored',
    'nginx: [emerg] unknown directive "nonsense" in /srv/data/nginx/.staging/sites/blog.conf:3',
    'nginx: configuration file /srv/data/nginx/.staging/nginx.conf test failed',
  ].join('\n');

  it('name the file and the reason', () => {
    expect(blamedIn(words)).toBe('blog');
    expect(reasonOf(words)).toBe('unknown directive "nonsense" in blog.conf:3');
  });

  it('of a log lose their time and pids', () => {
    const line =
      '2026/11/23 06:20:19 [emerg] 7323#7323: bind() to 127.0.0.1:80 failed (98: Address already in use)';
    expect(reasonOf(line)).toBe('bind() to 127.0.0.1:80 failed (98: Address already in use)');
    expect(blamedIn(line)).toBeUndefined();
  });

  it('may be none', () => {
    expect(reasonOf('')).toBe('it said nothing');
  });
});

it('listens are found in a vhost', () => {
  expect(
    listensIn('server {\n    listen 127.0.0.1:80;\n}\nserver {\n listen 127.0.0.1:81 default_server;\n}'),
  ).toEqual(['127.0.0.1:80', '127.0.0.1:81']);
});

describe('the shared file', () => {
  const shared = (omit: readonly ('hash-size' | 'default-server')[] = []) =>
    renderShared({
      owner: 'my-berth',
      http: { host: '127.0.0.1', port: 8080 },
      generation: '0'.repeat(32),
      pages: readPages(),
      omit: new Set(omit),
    });

  it('is ours, and defines every variable that vhosts use', () => {
    expect(readHeader(shared())).toEqual({ owner: 'my-berth', deployment: '' });
    for (const name of Object.values(variables('my-berth'))) expect(shared()).toContain(` ${name} {`);
  });

  it('tells what it was written without', () => {
    expect([...readOmissions(shared())]).toEqual([]);
    const without = shared(['default-server', 'hash-size']);
    expect([...readOmissions(without)]).toEqual(['hash-size', 'default-server']);
    expect(without).not.toContain('default_server');
    expect(without).not.toContain('server_names_hash_bucket_size');
  });

  it('has pages that fit in a word of nginx, which is 4,096 bytes', () => {
    for (const page of Object.values(readPages())) expect(quote(page).length).toBeLessThan(4_000);
  });
});

it('old workers live as long as a drain, and never less than ten seconds', () => {
  expect(renderConf({ temp: 'tmp', drainMs: 30_000 })).toContain('worker_shutdown_timeout 30000ms;');
  expect(renderConf({ temp: 'tmp', drainMs: 0 })).toContain('worker_shutdown_timeout 10000ms;');
});

it('a generation tells any two sets of files apart', () => {
  const sets = [
    [['a', 'b']],
    [['a', '']],
    [['ab', '']],
    [
      ['a', 'b'],
      ['', ''],
    ],
    [],
  ] as const;
  expect(new Set(sets.map(generationOf)).size).toBe(sets.length);
});
