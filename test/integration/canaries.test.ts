/**
 * Thirty secrets through all that Berth does, good days and bad: apps that print them, builds that fail on them, values
 * sealed for elsewhere, refusals of Cloudflare, GitHub and the config repo. Then all that anyone may read is searched.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { inspect, promisify } from 'node:util';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { doctor } from '../../controller/cli/doctor.ts';
import { doctorChain } from '../../controller/cli/doctor-chain.ts';
import type { Io } from '../../controller/cli/io.ts';
import { listen } from '../../controller/cli/listen.ts';
import { plan } from '../../controller/cli/plan.ts';
import { newestRecipient, readIdentities } from '../../controller/clients/identities.ts';
import { seal } from '../../controller/manifest/sealed/seal.ts';
import { type Berth, startBerth } from '../support/berth.ts';
import { type CloudflareStandIn, startCloudflare } from '../support/cloudflare-api.ts';
import { cloudflaredImage } from '../support/cloudflared-image.ts';
import { appService } from '../support/deploy-apps.ts';
import { docker } from '../support/docker.ts';
import { type GithubApi, startGithub } from '../support/github-api.ts';
import { delivery, pushOf, send } from '../support/github-deliveries.ts';
import type { TestRepo } from '../support/make-repo.ts';
import { type RecordingSocket, recordingSocket } from '../support/recording-socket.ts';
import { tinyImage } from '../support/tiny-image.ts';
import { until } from '../support/until.ts';
import { toldIn } from '../support/untold.ts';

const run = promisify(execFile);
const canary = (): string => `cnry${randomBytes(9).toString('hex')}`;

/** Twenty-four values that are hard to hide: with what shells, URLs, JSON, base64 and logs treat in their own ways. */
const SHAPES: readonly ((word: string) => string)[] = [
  (word) => word,
  (word) => `"${word}" 'and' \`more\``,
  (word) => `$(id)${word}\${HOME}`,
  (word) => `-----BEGIN KEY-----\n${word}${word}\n${word}x${word}\n-----END KEY-----\n`,
  (word) => `é${word}ü漢字`,
  (word) => `${word}/+==/${word}`,
  (word) => `100%25 ${word} %zz`,
  (word) => `postgres://u:${word}@db:5432/x?y=1&z=a b`,
  (word) => JSON.stringify({ key: word, list: [1, '\\'] }),
  (word) => `\\${word}\\n\\`,
  (word) => `  ${word}\t`,
  (word) => `${word}=${word};--`,
];
const VALUES = Array.from({ length: 24 }, (_, n) => SHAPES[n % SHAPES.length]?.(canary()) ?? '');
const value = (n: number): string => VALUES[n] ?? '';

const GITHUB_TOKEN = `ghp_${canary()}`;
const WEBHOOK_SECRET = canary();
const JWT_SECRET = `${canary()}-${canary()}`;
const PASSWORD_HASH = `$2b$12$${`${canary()}${canary()}${canary()}`.slice(0, 53)}`;

/** Says all it was given, in every way there is, and ends. */
const TELLTALE = `process.stdout.write('x'.repeat(16380) + process.env.S11 + '\\n');
for (const [name, text] of Object.entries(process.env)) if (name.startsWith('S')) {
  console.log(text); console.log(encodeURIComponent(text)); console.log(JSON.stringify({ text }));
  for (const form of ['base64', 'hex']) console.error('as ' + form + ' ' + Buffer.from('x' + text).toString(form));
}
console.error('can not go on with ' + process.env.S10); process.exit(3);`;

let github: GithubApi;
let cloudflare: CloudflareStandIn;
let socket: RecordingSocket;
let connector: { remove(): Promise<void> };
let berth: Berth;
let api: Server;
let config: TestRepo & { readonly url: string };
let app: TestRepo & { readonly url: string };
let image = '';
const stop = new AbortController();
const answers: string[] = [];

beforeAll(async () => {
  [image, connector, socket] = [await tinyImage(), await cloudflaredImage(), await recordingSocket()];
  github = await startGithub();
  github.addToken(GITHUB_TOKEN);
  config = github.addRepo('acme/config', { private: true });
  app = github.addRepo('acme/app', { private: true });
  config.commit({ 'deployments.yaml': 'deployments: {}\n' });
  // The repo itself holds one of them, and its build prints it.
  app.commit({ Dockerfile: `FROM ${image}\nRUN echo ${value(20)} && echo ${value(20)} >&2 && exit 7\n` });
  cloudflare = await startCloudflare({ zones: ['canary.example.com'] });
  cloudflare.addRecord({ type: 'A', name: 'cantaken.canary.example.com', content: '203.0.113.9' });
  berth = await startBerth({
    ...{
      DOCKER_HOST: socket.path,
      BERTH_DOMAIN: 'canary.example.com',
      BERTH_INTERVAL: '1s',
      BERTH_DRAIN: '300ms',
    },
    ...{ BERTH_CONFIG_REPO: config.url, BERTH_GIT_ALLOW: github.host, BERTH_PORTS: '7800-7849' },
    ...{ BERTH_ADMIN_HOST: 'admin.canary.example.com', BERTH_JWT_SECRET: JWT_SECRET },
    ...{ BERTH_ADMIN_PASSWORD_HASH: PASSWORD_HASH, BERTH_CLOUDFLARED: 'container' },
    ...{ CLOUDFLARE_API_TOKEN: cloudflare.token, CLOUDFLARE_BASE_URL: cloudflare.url },
    ...{ GITHUB_TOKEN, GITHUB_API_URL: github.apiUrl, GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET },
  });
  api = await listen(berth.settings, berth.session, stop.signal);
});

afterAll(async () => {
  stop.abort();
  api?.closeAllConnections();
  api?.close();
  cloudflare?.mend();
  github?.heal();
  if (berth) {
    commit({});
    await berth.until(
      'all is gone',
      ({ desired, plan }) => desired?.deployments.length === 1 && plan?.actions.length === 0,
    );
  }
  await berth?.restart({ BERTH_CONFIG_REPO: undefined, GITHUB_TOKEN: undefined });
  await berth?.tearDown();
  await connector?.remove();
  await Promise.all([github?.close(), cloudflare?.close(), socket?.close()]);
});

async function sealed(n: number, place: string, recipient?: string): Promise<string> {
  const [deployment = '', name = ''] = place.split('/');
  const to = recipient ?? (await newestRecipient(await readIdentities(berth.settings)));
  return seal(value(n), { deployment, service: 'web', name }, to);
}

async function envOf(deployment: string, numbers: readonly number[]): Promise<Record<string, unknown>> {
  const pairs = numbers.map(async (n) => [`S${n}`, { sealed: await sealed(n, `${deployment}/S${n}`) }]);
  return Object.fromEntries(await Promise.all(pairs));
}

/** JSON is YAML, but for the tag. */
function commit(deployments: object): string {
  const text = JSON.stringify({ deployments }, undefined, 1);
  return config.commit({
    'deployments.yaml': text.replace(/\{\s*"sealed": "([A-Za-z0-9+/=]+)"\s*\}/g, '!sealed $1'),
  });
}

const inForce = (sha: string) => berth.until('it is in force', ({ desired }) => desired?.commit === sha);
const statusIs = (name: string, status: string) =>
  until(`${name} is ${status}`, () => berth.status(name)?.status === status, 90_000);
const range = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from }, (_, n) => from + n);

test('thirty secrets go in, and none comes out', async () => {
  const good = appService(image, 'v1', { env: await envOf('canok', range(0, 10)) });
  const stranger = await identityToRecipient(await generateIdentity());
  const copied = await sealed(18, 'canok/S18');
  const entries = {
    canok: good,
    canbad: { image, start: ['node', '-e', TELLTALE], env: await envOf('canbad', range(10, 18)) },
    cancopied: appService(image, 'v1', { env: { S18: { sealed: copied } } }),
    canforeign: appService(image, 'v1', {
      env: { S19: { sealed: await sealed(19, 'canforeign/S19', stranger) } },
    }),
    canbuild: { repo: app.url, env: await envOf('canbuild', [20]) },
    cantaken: appService(image, 'v1', { env: await envOf('cantaken', [21, 22, 23]) }),
  };
  await inForce(commit(entries));
  await statusIs('canok', 'running');
  for (const name of ['canbad', 'cancopied', 'canforeign', 'canbuild', 'cantaken'])
    await statusIs(name, 'failed');
  const env = JSON.parse((await berth.get('canok.canary.example.com', '/env')).body);
  for (const n of range(0, 10)) expect(env[`S${n}`]).toBe(value(n));
  await statusIs('berth-tunnel', 'running');
  await webhooks();
  await badDays(entries);
  await searched();
});

/** A good delivery, and bad ones. */
async function webhooks(): Promise<void> {
  const { host, port } = berth.settings.listen;
  const to = `http://${host}:${port}`;
  const push = pushOf({ repo: config.url, after: config.git('rev-parse', 'main') });
  for (const secret of [WEBHOOK_SECRET, 'another secret altogether']) {
    const { status, body } = await send(`${to}/webhooks/github`, delivery(secret, 'push', push));
    answers.push(`${status} ${body}`);
  }
  for (const path of ['/healthz', '/webhooks/github', '/nothing'])
    answers.push(await (await fetch(to + path)).text());
}

/** Each of those that Berth asks refuses for a while, and a file comes that is wrong where a secret stands. */
async function badDays(entries: object): Promise<void> {
  cloudflare.revoked = true;
  await berth.until('Cloudflare refuses', ({ observed }) => 'uncertain' in (observed['dns record'] ?? []));
  cloudflare.revoked = false;
  github.revoke(GITHUB_TOKEN);
  await berth.until('GitHub refuses', ({ problems }) => problems.length > 0);
  github.addToken(GITHUB_TOKEN);
  const text = await readFile(join(config.dir, 'deployments.yaml'), 'utf8').catch(() => '');
  expect(text).not.toContain('cnry');
  const wrong = { ...entries, canok: { ...(entries as { canok: object }).canok, port: -1 } };
  await inForce(commit(wrong));
  await statusIs('canok', 'failed');
  await inForce(commit(entries));
  await statusIs('canok', 'running');
  await berth.restart();
  await statusIs('canok', 'running');
  await statusIs('canbad', 'failed');
  await berth.session.real.github?.settle();
}

async function searched(): Promise<void> {
  const [tunnel] = cloudflare.state.tunnels;
  const token = cloudflare.connectorToken(tunnel?.id ?? '');
  const secrets = [
    ...VALUES,
    GITHUB_TOKEN,
    cloudflare.token,
    WEBHOOK_SECRET,
    JWT_SECRET,
    PASSWORD_HASH,
    token,
  ];
  expect(new Set(secrets).size).toBe(30);
  const places = await allThatIsTold();
  // They were there to be told: what the app and the build printed of them is here, without them.
  expect(places['data dir']).toContain('[redacted]');
  expect(places.status).toContain('[redacted]');
  const found = Object.entries(places).flatMap(([place, text]) =>
    secrets.flatMap((secret) => toldIn(text, secret).map((form) => `${place}: ${form}`)),
  );
  expect(found).toEqual([]);
}

/** Everything that somebody other than the container may come to read, by place. */
async function allThatIsTold(): Promise<Readonly<Record<string, string>>> {
  const { last } = berth.session.runner;
  const files = await readdir(berth.dataDir, { recursive: true, withFileTypes: true });
  const open = files.filter(
    (file) => file.isFile() && !/\/(keys|sources|objects)(\/|$)/.test(`${file.parentPath}/`),
  );
  const texts = await Promise.all(open.map((file) => readFile(join(file.parentPath, file.name), 'latin1')));
  const objects = await run('git', ['-C', config.dir, 'cat-file', '--batch', '--batch-all-objects']);
  const { stdout: commands } = await run('sh', [
    '-c',
    'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" "\\n"; true',
  ]);
  const names = ['canok', 'canbad', 'canbuild', 'cantaken', 'berth-tunnel', 'berth-admin'];
  return {
    'data dir': Buffer.from(texts.join('\n'), 'latin1').toString(),
    'Git objects': objects.stdout,
    log: berth.log.join('\n'),
    'engine URLs': socket.requests.join('\n'),
    containers: await inspected(),
    commands,
    answers: answers.join('\n'),
    status: JSON.stringify(names.map((name) => berth.status(name))),
    report: `${inspect(last, { depth: null, maxArrayLength: null, maxStringLength: null })}${JSON.stringify(last)}`,
    effects: berth.effects.join('\n'),
    GitHub: JSON.stringify(github.calls.map(({ authorization: _, ...call }) => call)),
    Cloudflare: JSON.stringify([
      cloudflare.calls.map(({ authorization: _, ...call }) => call),
      ...[cloudflare.changes, cloudflare.records(), cloudflare.state.tunnels.map(({ document }) => document)],
    ]),
    printed: await printed(),
  };
}

/** Containers and images as `docker inspect` shows them, but for the environment, which is what the values are for. */
async function inspected(): Promise<string> {
  const filter = `label=berth.owner=${berth.owner}`;
  const ids = (await docker('ps', '-aq', '--filter', filter)).split('\n').filter(Boolean);
  const all = JSON.parse(await docker('inspect', ...ids));
  expect(all.length).toBeGreaterThanOrEqual(4);
  for (const one of all) one.Config.Env = [];
  return JSON.stringify(all);
}

/** What the commands print, for people and for programs. */
async function printed(): Promise<string> {
  const out: string[] = [];
  const print = (line: string): void => void out.push(line);
  const io: Io = { env: process.env, cwd: berth.dataDir, stdin: process.stdin, print, complain: print };
  for (const json of [false, true]) {
    await plan(berth.settings, { json, io });
    await doctor(berth.settings, { json, io });
    for (const name of ['canok', 'canbad', 'cantaken', 'canforeign'])
      await doctorChain(berth.settings, { name, json, io });
  }
  expect(out.length).toBeGreaterThan(20);
  return out.join('\n');
}
