/** Values of `env` and build arguments (RELIABILITY B79, B85–B93): what arrives in the container is what stands in the file. */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Berth, startBerth } from '../support/berth.ts';
import { tinyImage } from '../support/tiny-image.ts';

const pwned = join(tmpdir(), `berth-pwned-${process.pid}`);
const PEM = `-----BEGIN PRIVATE KEY-----\n${'MIIEvQIBADANBg\n'.repeat(3)}-----END PRIVATE KEY-----\n`;

/** Longest that the kernel takes: 131,071 bytes with the name, the `=` and not the NUL behind. */
const LONGEST = 'v'.repeat(131_071 - 'LONG='.length);

// biome-ignore format: one row, one line
const ARRIVES: Readonly<Record<string, string>> = {
  PEM,
  CRLF: 'a\r\nb',
  TABS: '\ta\t',
  EMPTY: '',
  SPACES: '  two  ',
  TEMPLATE: '{{ constructor }} {% include "/etc/passwd" %}',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: nothing is to replace it
  REFERENCE: '${PATH} $PATH $$ %PATH%',
  COMMAND: `$(touch ${pwned}) \`touch ${pwned}\` ; touch ${pwned} && touch ${pwned}`,
  QUOTES: `it's "quoted" \\ and \\n`,
  UNICODE: 'Grüße, 世界 🚢 e\u0301',
  EQUALS: 'a=b=c',
  lower: 'case',
  LOWER: 'CASE',
  LD_PRELOAD: '/nonexistent.so',
  NODE_OPTIONS: '--title=mine',
  HTTP_PROXY: 'http://127.0.0.1:9',
  DOCKER_HOST: 'tcp://127.0.0.1:9',
  LONG: LONGEST,
};

// biome-ignore format: one row, one line
const REFUSED: readonly (readonly [id: string, env: string, says: string])[] = [
  ['B85', '{ "A B": x }', 'env/"A B"'],
  ['B85', '{ "A=B": x }', 'env/"A=B"'],
  ['B85', '{ "1A": x }', 'env/1A'],
  ['B85', '{ "": x }', 'env'],
  ['B85', '{ "ÄB": x }', 'env'],
  ['B88', JSON.stringify({ LONG: `${LONGEST}v` }), '131'],
  ['B91', '{ PORT: "1" }', 'PORT'],
];

let berth: Berth;
let image: string;

beforeAll(async () => {
  image = await tinyImage();
  berth = await startBerth();
});

afterAll(() => berth.tearDown());

const SERVER = `require('http').createServer((q, r) => r.end(JSON.stringify(process.env))).listen(process.env.PORT)`;
const entry = (name: string, env: string): string =>
  `  ${name}: { image: '${image}', start: [node, -e, "${SERVER}"], env: ${env} }\n`;

test('values arrive in the container byte for byte, and nothing in them is run, read or replaced', async () => {
  await berth.commit({ 'deployments.yaml': `deployments:\n${entry('xenv', JSON.stringify(ARRIVES))}` });
  await berth.converged();
  expect(berth.status('xenv')).toMatchObject({ status: 'running' });
  const there = JSON.parse((await berth.get('xenv.localhost')).body) as Record<string, string>;
  expect(Object.fromEntries(Object.keys(ARRIVES).map((name) => [name, there[name]]))).toEqual(ARRIVES);
  expect(existsSync(pwned)).toBe(false);
  expect(process.env.LD_PRELOAD).toBeUndefined();
});

test('what can not arrive fails its own entry, and says which variable', async () => {
  const entries = REFUSED.map(([, env], index) => entry(`xr${index}`, env));
  await berth.commit({
    'deployments.yaml': `deployments:\n${entries.join('')}${entry('xenv', '{ A: fine }')}`,
  });
  await berth.until('the good one has its new value', () => berth.status('xenv')?.status === 'running');
  await berth.converged();
  const told = REFUSED.map(([id, , says], index) => {
    const { status, error = '' } = berth.status(`xr${index}`) ?? {};
    return status === 'failed' && error.includes(says)
      ? ''
      : `${id} is ${status}, lacks ${says}: ${error.slice(0, 300)}`;
  });
  expect(told.filter((line) => line !== '')).toEqual([]);
  expect(JSON.parse((await berth.get('xenv.localhost')).body)).toMatchObject({ A: 'fine' });
});

test('build arguments and commands with shell text reach the build as text, and this machine never', async () => {
  const args = { WORD: `$(touch ${pwned}); \`touch ${pwned}\``, QUOTE: `"' && touch ${pwned}` };
  await berth.commit({
    'deployments.yaml': `deployments:\n  xargs: { repo: ., path: app, build: { args: ${JSON.stringify(args)} } }\n`,
    'app/Dockerfile': `FROM ${image}\nARG WORD\nARG QUOTE\nENV WORD=$WORD QUOTE=$QUOTE\nCMD ["node", "-e", ${JSON.stringify(SERVER)}]\n`,
  });
  await berth.converged();
  expect(JSON.parse((await berth.get('xargs.localhost')).body)).toMatchObject(args);
  expect(existsSync(pwned)).toBe(false);
});

test('a Dockerfile may say what it likes about users, signals, health and ports, and its app runs', async () => {
  const ports = Array.from({ length: 30 }, (_, index) => 4000 + index).join(' ');
  const words = `ONBUILD RUN exit 1\nHEALTHCHECK NONE\nUSER 0\nSTOPSIGNAL SIGKILL\nEXPOSE ${ports} 53/udp`;
  await berth.commit({
    'deployments.yaml': 'deployments:\n  xwild: { repo: ., path: wild }\n',
    'wild/Dockerfile': `FROM ${image}\n${words}\nCOPY . /app/\nCMD ["node", "-e", ${JSON.stringify(SERVER)}]\n`,
    'wild/Makefile': 'big',
    'wild/makefile': 'small',
    'wild/-rf': 'x',
    'wild/e\u0301': 'decomposed',
    'wild/\u00e9': 'composed',
  });
  await berth.converged();
  expect(JSON.parse((await berth.get('xwild.localhost')).body)).toMatchObject({ PORT: '4000' });
});
