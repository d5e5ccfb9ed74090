import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseManifest } from './parse.ts';
import type { ManifestRules } from './types.ts';

const rules: ManifestRules = {
  file: 'deployments.yaml',
  domain: 'localhost',
  reservedHosts: [],
  reservedPorts: [],
  ports: { first: 3000, last: 3999 },
  gitAllow: [],
};

const parse = (text: string) => parseManifest(Buffer.from(text), rules);
const only = (text: string) =>
  parse(`deployments:\n  app:\n    ${text.replaceAll('\n', '\n    ')}\n`).manifest?.deployments[0];

describe('what a readable file says', () => {
  test('one service with every default', () => {
    expect(only('repo: https://github.com/acme/blog')).toEqual({
      name: 'app',
      hostnames: ['app.localhost'],
      services: [
        {
          name: 'web',
          source: { kind: 'repo', repo: 'https://github.com/acme/blog', ref: {} },
          path: '.',
          build: {},
          env: {},
          health: { intervalMs: 1000, timeoutMs: 60_000 },
          needs: [],
          memoryBytes: 536_870_912,
          pids: 512,
          volumes: {},
          replicas: 1,
          strategy: 'rolling',
          routed: true,
        },
      ],
      routes: [{ prefix: '/', service: 'web', strip: false }],
      suspend: false,
      headers: {},
      maxBody: '100m',
    });
  });

  test('the two services of the manual, the longest prefix first', () => {
    const { manifest } = parse(`domain: ao2395.com
deployments:
  caresync:
    services:
      web: { repo: https://github.com/ao2395/caresync, path: client, port: 2998 }
      api: { repo: https://github.com/ao2395/caresync, path: ./server/, port: 2999 }
      db: { image: "postgres:16", pull: missing, port: 2997, volumes: { data: /var/lib/data/ } }
    routes:
      /: web
      /api/: { service: api, strip: true }
`);
    const [entry] = manifest?.deployments ?? [];
    expect(entry?.hostnames).toEqual(['caresync.ao2395.com']);
    expect(entry?.routes).toEqual([
      { prefix: '/api/', service: 'api', strip: true },
      { prefix: '/', service: 'web', strip: false },
    ]);
    expect(
      entry?.services.map(({ name, path, port, routed, strategy }) => [name, path, port, routed, strategy]),
    ).toEqual([
      ['web', 'client', 2998, true, 'rolling'],
      ['api', 'server', 2999, true, 'rolling'],
      ['db', '.', 2997, false, 'recreate'],
    ]);
    expect(entry?.services[2]?.source).toEqual({ kind: 'image', image: 'postgres:16' });
    expect(entry?.services[2]?.volumes).toEqual({ data: '/var/lib/data' });
  });

  test('environment values stay as they are written', () => {
    const [service] =
      only(
        'image: x1\nenv: { A: 80, B: true, C: "1.10", D: !sealed YWdl, E: "a\\r\\nb", F: "{{ x }} $(id)" }',
      )?.services ?? [];
    expect(service?.env).toEqual({
      A: '80',
      B: 'true',
      C: '1.10',
      D: { sealed: 'YWdl' },
      E: 'a\r\nb',
      F: '{{ x }} $(id)',
    });
  });

  test('everything that can be set', () => {
    const entry = only(`subdomain: "@"
hosts: [www.example.com]
suspend: true
headers: { X-Frame-Options: DENY }
maxBody: 20m
timeout: 5m
repo: .
path: apps/web
build: { dockerfile: ./docker/Dockerfile, target: prod, args: { A: 1 } }
start: [node, server.js]
listen: 8080
health: { path: /healthz, interval: 500ms, timeout: 2m }
resources: { memory: 1.5g, cpus: 0.5, pids: 64 }
replicas: 2`);
    expect(entry).toMatchObject({
      hostnames: ['localhost', 'www.example.com'],
      suspend: true,
      headers: { 'X-Frame-Options': 'DENY' },
      maxBody: '20m',
      timeoutMs: 300_000,
      services: [
        {
          source: { kind: 'repo', repo: '.', ref: {} },
          path: 'apps/web',
          build: { dockerfile: 'docker/Dockerfile', target: 'prod', args: { A: '1' } },
          start: ['node', 'server.js'],
          listen: 8080,
          health: { path: '/healthz', intervalMs: 500, timeoutMs: 120_000 },
          memoryBytes: 1_610_612_736,
          cpus: 0.5,
          pids: 64,
          replicas: 2,
        },
      ],
    });
  });

  test('an alias counts as what it stands for, and is told by its own place', () => {
    const { manifest } = parse(
      'deployments:\n  a: &a { image: nginx, env: { X: y } }\n  b: *a\n  c: { image: nginx, env: &e { X: 1.0 } }\n  d: { image: nginx, env: *e }\n',
    );
    expect(manifest?.deployments.map(({ name, hostnames }) => [name, hostnames])).toEqual([
      ['a', ['a.localhost']],
      ['b', ['b.localhost']],
    ]);
    expect(manifest?.stalled).toEqual(['c', 'd']);
  });

  test('thousands of wrong entries are all told, in a bounded time', () => {
    const file = `deployments:\n${Array.from({ length: 5000 }, (_, i) => `  a${i}: { port: 80 }\n`).join('')}`;
    const { manifest } = parse(file);
    expect(manifest?.stalled).toHaveLength(5000);
    expect(manifest?.problems.at(-1)?.message).toBe(
      'deployments.yaml:5001:18 deployments/a4999/port: must be an integer between 1024 and 65535',
    );
  });

  test('thousands of entries that claim one hostname are told without listing them all', () => {
    const rival = (i: number) => `  a${i}: { image: nginx, subdomain: x }\n`;
    const { manifest } = parse(`deployments:\n${Array.from({ length: 5000 }, (_, i) => rival(i)).join('')}`);
    expect(manifest?.stalled).toHaveLength(5000);
    expect(manifest?.problems[0]?.message).toContain(
      'x.localhost is claimed by deployments/a1, deployments/a2, deployments/a3 and 4996 more too; give',
    );
  });

  test('one entry of rubbish shows its first fifty errors and counts the rest', () => {
    const { manifest } = parse(
      `deployments:\n  a:\n${Array.from({ length: 80 }, (_, i) => `    x${i}: 1\n`).join('')}`,
    );
    expect(manifest?.problems).toHaveLength(51);
    expect(manifest?.problems.at(-1)?.message).toBe('deployments.yaml deployments/a: and 31 more errors');
  });
});

describe('no input makes it throw, or blame itself', () => {
  const key = fc.constantFrom(
    'repo',
    'image',
    'env',
    'services',
    'routes',
    'port',
    'hosts',
    'health',
    'needs',
    'build',
    'start',
    'volumes',
    'headers',
    'web',
    '/',
    'A',
    '__proto__',
    'constructor',
    'subdomain',
    'timeout',
    'resources',
  );
  const leaf = fc.oneof(
    fc.jsonValue({ maxDepth: 1 }),
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.constantFrom('.', 'nginx', 'web', '1s', 1, -1, 5000),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(key, tie('tree'), { maxKeys: 5 }),
    ),
  }));

  test('of any shape', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('a', 'b', 'blog', 'B'), tree, { minKeys: 1 }),
        fc.boolean(),
        (deployments, whole) => {
          expectCalm(parse(JSON.stringify(whole ? { deployments } : deployments)));
        },
      ),
      { numRuns: 1500 },
    );
  });

  test('of any bytes', () => {
    const token = fc.constantFrom(
      'deployments:',
      '\n',
      '  ',
      'a',
      ': ',
      '- ',
      '{',
      '}',
      '[',
      ']',
      '&a ',
      '*a',
      '!x ',
      '"',
      "'",
      '|',
      '#',
      '---\n',
      '<<',
      '\t',
      '? ',
      '\r\n',
      '%',
    );
    const bytes = fc.oneof(
      fc.array(token, { maxLength: 40 }).map((parts) => Buffer.from(parts.join(''))),
      fc.uint8Array({ maxLength: 200 }),
    );
    fc.assert(
      fc.property(bytes, (file) => expectCalm(parseManifest(file, rules))),
      { numRuns: 3000 },
    );
  });
});

function expectCalm(result: ReturnType<typeof parseManifest>): void {
  for (const { message } of result.problems) {
    expect(message).toMatch(/^deployments\.yaml[: ][\x20-\x7e→…]+$/);
    expect(message).not.toContain('please report');
  }
  if (result.manifest === undefined) expect(result.problems.length).toBeGreaterThan(0);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
}
