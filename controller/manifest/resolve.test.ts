import { expect, test } from 'vitest';
import { secretOf } from '../core/secret.ts';
import type { Secret } from '../core/types.ts';
import { createKeyedHash } from './keyed-hash.ts';
import { parseManifest } from './parse.ts';
import { resolveDeployment } from './resolve.ts';

const rules = {
  ...{ file: 'deployments.yaml', domain: 'localhost', reservedHosts: [], reservedPorts: [], gitAllow: [] },
  ports: { first: 3000, last: 3999 },
};
const hash = createKeyedHash(Buffer.alloc(32, 1));

interface Head {
  readonly commit: string;
  readonly tree: string;
}

function deploymentOf(fields: string, head: Head, secrets: Readonly<Record<string, Secret>> = {}) {
  const text = `deployments:\n  app: { ${fields} }\n`;
  const entry = parseManifest(Buffer.from(text), rules).manifest?.deployments[0];
  if (!entry) throw new Error(`not a good file: ${text}`);
  const services = entry.services.map((service) => {
    const plain = Object.entries(service.env).map(([name, value]) => [name, String(value)]);
    return { ...service, env: { ...Object.fromEntries(plain), ...secrets } };
  });
  return resolveDeployment({ ...entry, services }, () => ({ state: 'known', ...head }), hash);
}

function webOf(fields: string, head: Head, secrets: Readonly<Record<string, Secret>> = {}) {
  return deploymentOf(fields, head, secrets).services[0]?.version;
}

const nowhere = { commit: '', tree: '' };

test.each([
  ['nginx', 'nginx:latest'],
  ['postgres:16', 'postgres:16'],
  ['docker.io/library/postgres:16', 'postgres:16'],
])('the image %s is looked for under the name that the engine lists: %s', (image, key) => {
  expect(webOf(`image: "${image}"`, nowhere)?.image.key).toBe(key);
});

test('a push that leaves the directory alone is the same image and the same instance', () => {
  const repo = 'repo: https://github.com/acme/blog';
  const first = webOf(repo, { commit: '1'.repeat(40), tree: 'a'.repeat(40) });
  const second = webOf(repo, { commit: '2'.repeat(40), tree: 'a'.repeat(40) });
  const third = webOf(repo, { commit: '2'.repeat(40), tree: 'b'.repeat(40) });
  expect(second?.image.key).toBe(first?.image.key);
  expect(second?.hash).toBe(first?.hash);
  expect(third?.image.key).not.toBe(first?.image.key);
  expect(third?.hash).not.toBe(first?.hash);
});

test.each([
  ['env', 'repo: ., env: { A: "1" }'],
  ['start', 'repo: ., start: node x.js'],
  ['listen', 'repo: ., listen: 8080'],
  ['health', 'repo: ., health: { path: /up }'],
  ['resources', 'repo: ., resources: { memory: 64m }'],
  ['volumes', 'repo: ., volumes: { data: /data }'],
])('another %s is another instance of the same image', (_, fields) => {
  const head = { commit: '1'.repeat(40), tree: 'a'.repeat(40) };
  const plain = webOf('repo: .', head);
  expect(webOf(fields, head)?.image.key).toBe(plain?.image.key);
  expect(webOf(fields, head)?.hash).not.toBe(plain?.hash);
});

test('replicas, strategy and a pinned port that nginx holds change no instance', () => {
  const head = { commit: '1'.repeat(40), tree: 'a'.repeat(40) };
  const plain = webOf('repo: .', head);
  for (const fields of ['replicas: 2', 'strategy: recreate', 'port: 5000'])
    expect(webOf(`repo: ., ${fields}`, head)?.hash).toBe(plain?.hash);
});

test('a secret is another instance when its fingerprint is another, and only then', () => {
  const of = (fingerprint: string) => ({ KEY: secretOf(fingerprint, async () => Math.random().toString()) });
  const one = webOf('image: x', nowhere, of('aa'));
  expect(webOf('image: x', nowhere, of('aa'))?.hash).toBe(one?.hash);
  expect(webOf('image: x', nowhere, of('bb'))?.hash).not.toBe(one?.hash);
  expect(webOf('image: x, env: { KEY: aa }', nowhere)?.hash).not.toBe(one?.hash);
  const whole = deploymentOf('image: x', nowhere, of('aa')).fingerprint;
  expect(deploymentOf('image: x', nowhere, of('aa')).fingerprint).toBe(whole);
  expect(deploymentOf('image: x', nowhere, of('bb')).fingerprint).not.toBe(whole);
});

test('a secret stays one on its way to the container', async () => {
  const spec = webOf('image: x', nowhere, { KEY: secretOf('aa', async () => 'hunter2') })?.spec;
  expect(JSON.stringify(spec)).toContain('"KEY":"[redacted]"');
  const value = spec?.env.KEY;
  expect(typeof value === 'object' && (await value.open())).toBe('hunter2');
});
