/** From a commit to the internet and back: container, vhost, DNS record, tunnel route, in that order, and gone in reverse. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type CloudflareStandIn, startCloudflare } from '../support/cloudflare-api.ts';
import { appService } from '../support/deploy-apps.ts';
import { type DeployWorld, deployWorld } from '../support/deploy-world.ts';
import { containersOf } from '../support/docker.ts';
import { until } from '../support/until.ts';

/** What somebody else keeps in the tunnel and the zone, with members that Berth does not know. */
const FOREIGN_DOCUMENT = {
  'warp-routing': { enabled: true },
  ingress: [
    { hostname: 'ssh.example.com', service: 'ssh://localhost:22', id: '7', 'x-new-field': [1, { a: null }] },
    {
      hostname: 'nas.example.com',
      path: '/files',
      service: 'https://10.0.0.5:5001',
      originRequest: { noTLSVerify: true },
    },
    { hostname: '*.lab.example.com', service: 'http://10.0.0.9:80' },
    { service: 'http_status:503' },
  ],
  originRequest: { connectTimeout: 30, keepAliveTimeout: 90 },
};
const FOREIGN_RECORDS = [
  { type: 'A', name: 'nas.example.com', content: '203.0.113.7', proxied: true },
  { type: 'MX', name: 'example.com', content: 'mx.example.net', priority: 10 },
  { type: 'TXT', name: 'example.com', content: '"v=spf1 -all"' },
  { type: 'CNAME', name: 'old.example.com', content: 'elsewhere.example.net', comment: 'do not touch' },
  { type: 'CNAME', name: 'hers.example.com', content: 'x.cfargotunnel.com', comment: 'berth:other/hers' },
];

let cloudflare: CloudflareStandIn;
let world: DeployWorld;
let tunnel = '';

beforeAll(async () => {
  cloudflare = await startCloudflare({ zones: ['example.com', 'example.org'] });
  for (const record of FOREIGN_RECORDS) cloudflare.addRecord(record);
  tunnel = cloudflare.addTunnel('home', FOREIGN_DOCUMENT);
  world = await deployWorld({
    CLOUDFLARE_API_TOKEN: cloudflare.token,
    CLOUDFLARE_BASE_URL: cloudflare.url,
    CLOUDFLARE_TUNNEL: 'home',
    BERTH_DOMAIN: 'example.com',
  });
});

afterAll(async () => {
  try {
    await world.end();
  } finally {
    await cloudflare.close();
  }
});

const NAMES = ['wone.example.com', 'www.example.org'];
const seen: string[] = [];

beforeEach(async () => {
  await world.deploy({ wone: { ...appService(world.image, 'one'), hosts: ['www.example.org'] } });
});

const route = (hostname: string) => cloudflare.ingress(tunnel).find((rule) => rule.hostname === hostname);
const isOurs = ({ name }: { readonly name: string }): boolean => NAMES.includes(name);
const vhost = (): string => join(world.berth.dataDir, 'nginx/sites/wone.conf');
const service = (): string => `http://127.0.0.1:${world.berth.settings.http.port}`;

/** Everything of the others, as text. */
function foreign(): string {
  const document = JSON.parse(cloudflare.document(tunnel));
  const ingress = document.ingress.filter(
    (rule: { hostname?: string }) => !NAMES.includes(rule.hostname ?? ''),
  );
  return JSON.stringify([{ ...document, ingress }, cloudflare.records().filter((record) => !isOurs(record))]);
}

/** At each change from here on: what of the deployment is there just before it. */
function watchOrder(): void {
  seen.length = 0;
  const look = (what: string) => (): void => {
    const there = [
      ...(world.berth.session.runner.last ? [] : ['no pass']),
      ...(existsSync(vhost()) ? ['vhost'] : []),
      ...(cloudflare.records('wone.example.com').length > 0 ? ['record'] : []),
      ...(route('wone.example.com') ? ['route'] : []),
    ];
    seen.push(`${what}: ${there.join(' ')}`);
  };
  cloudflare.before(/^POST .*dns_records/, look('makes the record'), 9);
  cloudflare.before(/^DELETE .*dns_records/, look('removes the record'), 9);
  cloudflare.before(/^PUT .*configurations/, look('writes the routes'), 9);
}

test('a commit is served here and on the internet, and what others have there stays byte for byte', async () => {
  const { berth } = world;
  expect((await berth.get('wone.example.com')).body).toContain('one');
  for (const name of NAMES) {
    expect(cloudflare.records(name)).toMatchObject([
      {
        type: 'CNAME',
        content: `${tunnel}.cfargotunnel.com`,
        proxied: true,
        comment: `berth:${berth.owner}/wone`,
      },
    ]);
    expect(route(name)).toEqual({ hostname: name, service: service() });
  }
  expect(cloudflare.ingress(tunnel).at(-1)).toEqual({ service: 'http_status:503' });
  const now = JSON.parse(cloudflare.document(tunnel));
  const others = now.ingress.filter((rule: { hostname?: string }) => !NAMES.includes(rule.hostname ?? ''));
  expect(JSON.stringify({ ...now, ingress: others })).toBe(JSON.stringify(FOREIGN_DOCUMENT));
});

test('an idle pass asks for each list of records once, reads the document once, and writes nothing', async () => {
  const { berth } = world;
  const changes = cloudflare.changes.length;
  const from = cloudflare.calls.length;
  const started = performance.now();
  await until('some looks have passed', () => cloudflare.calls.length > from + 6);
  const intervals = (performance.now() - started) / berth.settings.intervalMs + 1;
  const calls = cloudflare.calls.slice(from);
  for (const { id } of cloudflare.state.zones)
    expect(calls.filter(({ path }) => path.includes(`${id}/dns_records`)).length).toBeLessThanOrEqual(
      intervals + 1,
    );
  expect(calls.filter(({ path }) => path.includes('configurations')).length).toBeLessThanOrEqual(
    intervals + 1,
  );
  expect(calls.every(({ method }) => method === 'GET')).toBe(true);
  expect(cloudflare.changes.length).toBe(changes);
});

test('removal goes route, record, vhost, container; then nothing of it is left anywhere', async () => {
  const { berth } = world;
  const before = foreign();
  watchOrder();
  await world.deploy({});
  cloudflare.mend();
  expect(seen).toEqual([
    'writes the routes: vhost record route',
    'removes the record: vhost record',
    expect.stringMatching(/^removes the record: vhost/),
  ]);
  const order = berth.effects.filter((label) => /wone|www\.example\.org|cloudflare/.test(label));
  const last = (what: RegExp): number => order.findLastIndex((label) => what.test(label));
  expect(last(/^cloudflare\..*[rR]ecord/)).toBeLessThan(last(/^nginx\.remove wone/));
  expect(last(/^nginx\.remove wone/)).toBeLessThan(last(/^engine\.(remove|stop) wone/));
  expect(cloudflare.records().filter(isOurs)).toEqual([]);
  for (const name of NAMES) expect(route(name)).toBeUndefined();
  expect(await containersOf(berth.owner, 'wone')).toEqual([]);
  expect(berth.session.real.clients.store.state.routes).toEqual({});
  const receipt = berth.session.real.clients.store.state.receipts.at(-1);
  expect(receipt?.removed).toEqual(
    expect.arrayContaining(['dns record wone.example.com', 'tunnel route www.example.org']),
  );
  expect(foreign()).toBe(before);
});

test('a new hostname has its vhost first, then its record, then its route', async () => {
  await world.deploy({});
  watchOrder();
  await world.deploy({ wone: { ...appService(world.image, 'one'), hosts: ['www.example.org'] } });
  cloudflare.mend();
  expect(seen).toEqual([
    'makes the record: vhost',
    expect.stringMatching(/^makes the record: vhost/),
    'writes the routes: vhost record',
  ]);
});

/** What somebody changes by hand, and the reason that the history gives for putting it back. */
const DRIFT: readonly (readonly [what: string, harm: () => void, why: RegExp])[] = [
  [
    'the route is removed',
    () => edit((rules) => rules.filter(({ hostname }) => hostname !== NAMES[0])),
    /the tunnel has no rule for it any more/,
  ],
  [
    "the route's service is changed",
    () =>
      edit((rules) =>
        rules.map((rule) => (rule.hostname === NAMES[0] ? { ...rule, service: 'http://10.0.0.1:1' } : rule)),
      ),
    /10\.0\.0\.1:1/,
  ],
  ['the record is removed', () => cloudflare.removeRecord(record().id), /removed by hand/],
  [
    "the record's proxy is turned off",
    () => cloudflare.editRecord(record().id, { proxied: false }),
    /proxy is off/,
  ],
  [
    'the record leads elsewhere',
    () => cloudflare.editRecord(record().id, { content: 'evil.example.net' }),
    /evil\.example\.net/,
  ],
];

function edit(change: (rules: readonly { hostname?: string; service: string }[]) => unknown): void {
  const document = JSON.parse(cloudflare.document(tunnel));
  cloudflare.setDocument(tunnel, { ...document, ingress: change(document.ingress) });
}

function record() {
  const [found] = cloudflare.records(NAMES[0]);
  if (!found) throw new Error('there is no record');
  return found;
}

/** What is at Cloudflare for the hostname; the place among our own rules and the record's id are nobody's business. */
function outside(): string {
  const [{ id: _, ...members } = { id: '' }] = cloudflare.records(NAMES[0]);
  return JSON.stringify([route(NAMES[0] ?? ''), members]);
}

test.each(DRIFT)('when %s by hand, it is put back, and the history says why', async (_what, harm, why) => {
  const { berth } = world;
  const before = [outside(), foreign()];
  harm();
  expect(outside()).not.toBe(before[0]);
  await until('it is put back', () => outside() === before[0]);
  await berth.converged();
  expect([outside(), foreign()]).toEqual(before);
  expect(cloudflare.records(NAMES[0])).toHaveLength(1);
  const lines = berth.session.real.clients.store.state.passes.flatMap((pass) => pass.lines);
  expect(lines.findLast((line) => line.includes(NAMES[0] ?? ''))).toMatch(why);
});
