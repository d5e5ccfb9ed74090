import { describe, expect, test } from 'vitest';
import { parseManifest } from './parse.ts';
import { createManifestReader } from './parse-async.ts';
import type { ManifestRules } from './types.ts';

const rules: ManifestRules = {
  file: 'deployments.yaml',
  domain: 'localhost',
  reservedHosts: [],
  reservedPorts: [],
  ports: { first: 3000, last: 3999 },
  gitAllow: [],
};
const small = Buffer.from('deployments: { a: { image: nginx } }\n');
const entries = Array.from(
  { length: 1500 },
  (_, i) => `  app${i}: { image: nginx, env: { A: !sealed YWdl } }\n`,
);
const large = Buffer.from(`deployments:\n${entries.join('')}  bad: 5\n`);

test('one blob is parsed once for the same rules, and again for others', async () => {
  const read = createManifestReader();
  const first = await read('1', small, rules);
  expect(await read('1', Buffer.from('not looked at'), rules)).toBe(first);
  expect((await read('1', small, { ...rules, domain: 'a.b' })).manifest?.domain).toBe('a.b');
});

test('only the latest results are kept', async () => {
  const read = createManifestReader();
  const first = await read('0', small, rules);
  for (let blob = 1; blob <= 8; blob++) await read(String(blob), small, rules);
  expect(await read('0', small, rules)).not.toBe(first);
});

// The worker is the compiled one: `npm test` builds first.
describe('a large file', () => {
  test('is read beside the main thread, with the same result', async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    const result = await createManifestReader({ timeoutMs: 60_000 })('1', large, rules);
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(10);
    expect(result).toEqual(parseManifest(large, rules));
  });

  test('that takes too long is wrong as a whole', async () => {
    const { manifest, problems } = await createManifestReader({ timeoutMs: 1 })('1', large, rules);
    expect(manifest).toBeUndefined();
    expect(problems[0]?.message).toBe(
      'deployments.yaml:1:1: takes more than 0.001 s to read; make it smaller',
    );
  });
});
