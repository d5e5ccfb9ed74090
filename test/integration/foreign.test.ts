/** What is not ours stays exactly as it is through the whole life of a deployment, even where its name or place is in our way. */

import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Berth, startBerth } from '../support/berth.ts';
import { docker } from '../support/docker.ts';
import { freePort } from '../support/free-port.ts';
import { tinyImage } from '../support/tiny-image.ts';

const MARK = 'berth-test.foreign=x';
const CONTAINERS = [
  'xf',
  'xf-web',
  'xf-web-00000000',
  'xf-web-0000000',
  'berth-xf-web',
  'xforeign-web-12345678',
];
const NETWORKS = ['berth-xforeign', 'berth-xf-2', 'xf-net'];
const VOLUMES = ['berth-xforeign-data', 'berth-xf-data-2', 'xf-data'];
const IMAGES = ['berth/xf-web:foreign', 'berth/xf-web2:1', 'berth/xforeign-web:aaaaaaaaaaaa-bbbbbbbb'];
/** Files among the vhosts, by name; the second is a copy of the head of one of ours. */
const SITES: Readonly<Record<string, string>> = {
  '00-first.conf': '# not ours\n',
  'xf-copy.conf': '# berth owner=somebody deployment=xf\n',
  'notes.txt': 'do not touch',
};

let berth: Berth;
let image: string;
let listener: Server;
let range: number;

beforeAll(async () => {
  image = await tinyImage();
  range = await freePort();
  listener = await listen(range);
  berth = await startBerth({ BERTH_PORTS: `${range}-${range + 40}` });
  for (const name of CONTAINERS) await container(name, ['--label', MARK]);
  await container('xf-other-owner', [
    '--label',
    MARK,
    '--label',
    'berth.owner=somebody-else',
    '--label',
    'berth.deployment=xf',
    '--label',
    'berth.instance=xf-other-owner',
  ]);
  await container('xf-half-label', ['--label', MARK, '--label', `berth.owner=${berth.owner}-2`]);
  for (const name of NETWORKS)
    await docker(
      'network',
      'create',
      '--label',
      MARK,
      '--subnet',
      `10.214.${NETWORKS.indexOf(name)}.0/28`,
      name,
    );
  for (const name of VOLUMES) await docker('volume', 'create', '--label', MARK, name);
  for (const name of IMAGES) await docker('tag', image, name);
  const sites = join(berth.dataDir, 'nginx', 'sites');
  await mkdir(sites, { recursive: true });
  for (const [name, text] of Object.entries(SITES)) await writeFile(join(sites, name), text);
});

afterAll(async () => {
  try {
    for (const name of Object.keys(SITES))
      await rm(join(berth.dataDir, 'nginx/sites', name), { force: true });
    await berth.tearDown();
  } finally {
    listener.close();
    await removeForeign();
  }
});

async function removeForeign(): Promise<void> {
  const filter = ['--filter', `label=${MARK}`];
  const steps = [
    [
      ['ps', '-aq'],
      ['rm', '-f'],
    ],
    [
      ['network', 'ls', '-q'],
      ['network', 'rm'],
    ],
    [
      ['volume', 'ls', '-q'],
      ['volume', 'rm'],
    ],
  ] as const;
  for (const [list, remove] of steps) {
    const ids = await docker(...list, ...filter);
    if (ids !== '') await docker(...remove, ...ids.split('\n'));
  }
  await docker('rmi', ...IMAGES);
}

async function container(name: string, options: readonly string[]): Promise<void> {
  await docker('run', '-d', '--name', name, ...options, image, 'node', '-e', 'setInterval(() => {}, 1e6)');
}

async function listen(port: number): Promise<Server> {
  const server = createServer((socket) => socket.end('foreign'));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** Everything foreign as it is now, ids and states and bytes. */
async function snapshot(): Promise<string> {
  const containers = await docker('ps', '-aq', '--no-trunc', '--filter', `label=${MARK}`);
  const state =
    '{{.Id}} {{.Name}} {{.State.StartedAt}} {{.State.Status}} {{.RestartCount}} {{json .Config.Labels}}';
  const sites = Object.keys(SITES).map((name) => readFile(join(berth.dataDir, 'nginx/sites', name), 'utf8'));
  return [
    await docker('inspect', '--format', state, ...containers.split('\n').sort()),
    await docker(
      'network',
      'inspect',
      '--format',
      '{{.Id}} {{.Name}} {{json .IPAM}} {{json .Containers}}',
      ...NETWORKS,
    ),
    await docker('volume', 'inspect', '--format', '{{.Name}} {{.CreatedAt}} {{json .Labels}}', ...VOLUMES),
    await docker('image', 'inspect', '--format', '{{.Id}} {{json .RepoTags}}', ...IMAGES),
    ...(await Promise.all(sites)),
    String(listener.listening),
  ].join('\n');
}

const server = (text: string): string =>
  `[node, -e, "require('http').createServer((q, r) => r.end('${text}')).listen(process.env.PORT); process.on('SIGTERM', () => process.exit())"]`;
const entry = (name: string, fields: string): string => `  ${name}: { image: '${image}', ${fields} }\n`;
const file = (...entries: readonly string[]) => ({ 'deployments.yaml': `deployments:\n${entries.join('')}` });

test('a life from the first commit to the removal leaves twenty foreign things as they were', async () => {
  const before = await snapshot();
  expect(before.split('\n').length).toBeGreaterThanOrEqual(
    CONTAINERS.length + 2 + NETWORKS.length + VOLUMES.length + IMAGES.length,
  );
  for (const word of ['one', 'two']) {
    await berth.commit(file(entry('xf', `start: ${server(word)}, volumes: { data: /data }`)));
    await berth.converged();
    expect(await berth.get('xf.localhost')).toMatchObject({ status: 200, body: word });
  }
  await berth.commit({ 'deployments.yaml': 'deployments: {}\n' });
  await berth.converged();
  expect(await snapshot()).toBe(before);
});

test('a port of the range that someone listens on is skipped', async () => {
  await berth.commit(file(entry('xf', `start: ${server('here')}`)));
  await berth.converged();
  const { ports } = berth.session.real.clients.store.state;
  expect(ports.map(({ port }) => port)).toEqual([range + 1]);
  expect(await berth.get('xf.localhost')).toMatchObject({ body: 'here' });
});

test('a foreign network, volume or vhost under the name that a deployment needs fails that deployment alone', async () => {
  await writeFile(join(berth.dataDir, 'nginx/sites/xvhost.conf'), '# somebody wrote this\n');
  await docker('volume', 'create', '--label', MARK, 'berth-xvolume-d');
  try {
    await berth.commit(
      file(
        entry('xf', `start: ${server('here')}`),
        entry('xforeign', `start: ${server('x')}`),
        entry('xvhost', `start: ${server('x')}`),
        entry('xvolume', `start: ${server('x')}, volumes: { d: /data }`),
      ),
    );
    const why = {
      xforeign: 'network berth-xforeign exists',
      xvhost: 'xvhost.conf was not written by this Berth',
      xvolume: 'volume berth-xvolume-d exists',
    };
    const told = (): boolean =>
      Object.entries(why).every(([name, words]) => berth.status(name)?.error?.includes(words));
    await berth.until('each says what is in its way', told, 60_000);
    expect(Object.keys(why).map((name) => berth.status(name)?.status)).toEqual([
      'failed',
      'failed',
      'failed',
    ]);
    expect(await berth.get('xf.localhost')).toMatchObject({ body: 'here' });
    expect(await readFile(join(berth.dataDir, 'nginx/sites/xvhost.conf'), 'utf8')).toBe(
      '# somebody wrote this\n',
    );
    await berth.commit({ 'deployments.yaml': 'deployments: {}\n' });
    await berth.converged();
    expect(await docker('volume', 'inspect', '--format', '{{.Name}}', 'berth-xvolume-d')).toBe(
      'berth-xvolume-d',
    );
  } finally {
    await docker('volume', 'rm', 'berth-xvolume-d');
    await rm(join(berth.dataDir, 'nginx/sites/xvhost.conf'), { force: true });
  }
});

test('a pinned port that another process has fails that deployment with its number, and heals when it is free', async () => {
  const pinned = await freePort();
  const squatter = await listen(pinned);
  try {
    await berth.commit(
      file(
        entry('xpin', `start: ${server('pinned')}, port: ${pinned}`),
        entry('xf', `start: ${server('fine')}`),
      ),
    );
    await berth.until('it says so', () => berth.status('xpin')?.status === 'failed');
    expect(berth.status('xpin')?.error).toContain(
      `port ${pinned} is taken by another process: stop that process`,
    );
    await berth.until('the other one runs', () => berth.status('xf')?.status === 'running');
    expect(await berth.get('xf.localhost')).toMatchObject({ body: 'fine' });
  } finally {
    squatter.close();
    await once(squatter, 'close');
  }
  await berth.until('it heals', () => berth.status('xpin')?.status === 'running', 30_000);
  await berth.converged();
  expect(await berth.get('anything', '/', pinned)).toMatchObject({ status: 200, body: 'pinned' });
});
