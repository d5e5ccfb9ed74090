import { inspect } from 'node:util';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { beforeEach, expect, test } from 'vitest';
import { createMask } from '../../core/mask.ts';
import { parseManifest } from '../parse.ts';
import { createFingerprint } from './fingerprint.ts';
import { seal } from './seal.ts';
import { createSecrets, type OpenSecrets } from './secrets.ts';

const rules = {
  ...{ file: 'deployments.yaml', domain: 'localhost', reservedHosts: [], reservedPorts: [], gitAllow: [] },
  ports: { first: 3000, last: 3999 },
};
const identity = await generateIdentity();
const recipient = await identityToRecipient(identity);

let keys: readonly string[] | Error;
let asked: number;
let mask: ReturnType<typeof createMask>;
let open: OpenSecrets;

beforeEach(() => {
  keys = [identity];
  asked = 0;
  mask = createMask();
  open = createSecrets({
    identities: async () => {
      asked += 1;
      if (keys instanceof Error) throw keys;
      return keys;
    },
    fingerprint: createFingerprint(Buffer.alloc(32, 1)),
    mask,
  });
});

const sealed = async (value: string, place: string, to = recipient): Promise<string> => {
  const [deployment = '', service = '', name = ''] = place.split('/');
  return `!sealed ${await seal(value, { deployment, service, name }, to)}`;
};

function manifestOf(text: string) {
  const { manifest, problems } = parseManifest(Buffer.from(text), rules);
  if (!manifest || problems.length > 0) throw new Error(problems.map(({ message }) => message).join('\n'));
  return manifest;
}

async function secretIn(text: string, service = 'web', name = 'KEY') {
  const { deployments, problems } = await open(manifestOf(text));
  expect(problems).toEqual([]);
  const value = deployments[0]?.services.find((one) => one.name === service)?.env[name];
  if (typeof value !== 'object') throw new Error(`${name} is no secret`);
  return value;
}

const entry = (value: string): string => `deployments:\n  blog: { image: x, env: { KEY: ${value} } }\n`;

test('a sealed value becomes a secret, and is masked from then on', async () => {
  const secret = await secretIn(entry(await sealed('hunter2', 'blog/web/KEY')));
  expect(await secret.open()).toBe('hunter2');
  expect(secret.fingerprint).toMatch(/^[0-9a-f]{16}$/);
  expect(mask.text('it is hunter2')).toBe('it is [redacted]');
});

test('nothing that is made of a file holds its values', async () => {
  const opened = await open(manifestOf(entry(await sealed('hunter2', 'blog/web/KEY'))));
  const shown = inspect(opened, { depth: null, showHidden: true }) + JSON.stringify(opened);
  expect(shown).toContain('[redacted]');
  expect(shown).not.toContain('hunter2');
});

test('what is plain stays as it is, and needs no key', async () => {
  keys = new Error('no key');
  const { deployments, problems } = await open(
    manifestOf('deployments:\n  blog: { image: x, env: { A: b } }\n'),
  );
  expect(problems).toEqual([]);
  expect(deployments[0]?.services[0]?.env).toEqual({ A: 'b' });
  expect(asked).toBe(0);
});

test('the fingerprint is that of the value at its place: not of the text, nor of the key it is sealed for', async () => {
  const newer = await generateIdentity();
  keys = [identity, newer];
  const one = await secretIn(entry(await sealed('hunter2', 'blog/web/KEY')));
  const resealed = await sealed('hunter2', 'blog/web/KEY', await identityToRecipient(newer));
  expect((await secretIn(entry(resealed))).fingerprint).toBe(one.fingerprint);
  expect((await secretIn(entry(await sealed('hunter3', 'blog/web/KEY')))).fingerprint).not.toBe(
    one.fingerprint,
  );
  const shop = `deployments:\n  shop: { image: x, env: { KEY: ${await sealed('hunter2', 'shop/web/KEY')} } }\n`;
  expect((await secretIn(shop)).fingerprint).not.toBe(one.fingerprint);
});

test('a text is opened once, however many passes look at it', async () => {
  const text = entry(await sealed('hunter2', 'blog/web/KEY'));
  const first = await secretIn(text);
  expect(await secretIn(text)).toBe(first);
});

test('what no file holds any more is forgotten', async () => {
  const text = entry(await sealed('hunter2', 'blog/web/KEY'));
  const first = await secretIn(text);
  await open(manifestOf('deployments: {}\n'));
  expect(await secretIn(text)).not.toBe(first);
});

test('what can not be opened stalls its deployment alone, each key with its line and the fix', async () => {
  const other = await identityToRecipient(await generateIdentity());
  const text = `deployments:
  fine: { image: x, env: { KEY: ${await sealed('a', 'fine/web/KEY')} } }
  blog:
    image: x
    env:
      GOOD: ${await sealed('a', 'blog/web/GOOD')}
      COPIED: ${await sealed('a', 'fine/web/KEY')}
      FOREIGN: ${await sealed('a', 'blog/web/FOREIGN', other)}
  shop:
    services:
      api: { image: x, env: { KEY: !sealed YWdl } }
      web: { image: x }
    routes: { /: web }
`;
  const { deployments, problems } = await open(manifestOf(text));
  expect(deployments.map(({ name }) => name)).toEqual(['fine']);
  expect(problems.map(({ deployment, message }) => `${deployment}: ${message}`)).toEqual([
    'blog: deployments.yaml:7:23 deployments/blog/env/COPIED: was sealed for KEY of fine/web and opens nowhere else: seal the value again with `berth seal blog/web --name COPIED`',
    'blog: deployments.yaml:8:24 deployments/blog/env/FOREIGN: was sealed for another controller, or is damaged: seal the value again with `berth seal blog/web --name FOREIGN`',
    'shop: deployments.yaml:11:44 deployments/shop/services/api/env/KEY: is damaged (cut off or changed): seal the value again with `berth seal shop/api --name KEY`',
  ]);
});

test('a new key is noticed without a restart', async () => {
  const newer = await generateIdentity();
  const text = entry(await sealed('hunter2', 'blog/web/KEY', await identityToRecipient(newer)));
  expect((await open(manifestOf(text))).problems).toHaveLength(1);
  keys = [identity, newer];
  expect(await (await secretIn(text)).open()).toBe('hunter2');
});

test('keys that can not be read are told of each sealed value, and the next pass looks again', async () => {
  keys = new Error('/keys/age can be read by everyone on this machine: `chmod 600 /keys/age`');
  const text = entry(await sealed('hunter2', 'blog/web/KEY'));
  expect((await open(manifestOf(text))).problems[0]?.message).toMatch(
    /^deployments\.yaml:2:\d+ deployments\/blog\/env\/KEY: can't be opened: \/keys\/age can be read by everyone/,
  );
  keys = [identity];
  expect((await open(manifestOf(text))).problems).toEqual([]);
});

test('a key that is gone when the container is made is an error that names the value', async () => {
  const secret = await secretIn(entry(await sealed('hunter2', 'blog/web/KEY')));
  keys = [await generateIdentity()];
  await expect(secret.open()).rejects.toThrow(/^KEY of blog\/web was sealed for another controller/);
});

test('a value behind an alias is for each place it stands at, so the second is refused', async () => {
  const text = `deployments:
  blog: { image: x, env: &env { KEY: ${await sealed('a', 'blog/web/KEY')} } }
  shop: { image: x, env: *env }
`;
  const { deployments, problems } = await open(manifestOf(text));
  expect(deployments.map(({ name }) => name)).toEqual(['blog']);
  expect(problems[0]?.message).toMatch(/deployments\/shop\/env\/KEY: was sealed for KEY of blog\/web/);
});
