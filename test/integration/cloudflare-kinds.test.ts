/**
 * From a commit to a hostname on the internet and back, against the stand-in for Cloudflare: real engine, nginx and git,
 * the real client, and other people's records and rules around ours.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Berth, startBerth } from '../support/berth.ts';
import { type CloudflareStandIn, startCloudflare } from '../support/cloudflare-api.ts';
import { entry, fileOf, suspended } from '../support/entries.ts';
import { tinyImage } from '../support/tiny-image.ts';
import { until } from '../support/until.ts';

const ZONE = 'cb.example.com';
const HOST = `cb-blog.${ZONE}`;
/** What others have in the tunnel; members that Berth does not know are among it. */
const DOCUMENT = {
  'warp-routing': { enabled: true },
  originRequest: { connectTimeout: 10, noHappyEyeballs: true },
  ingress: [
    { hostname: `ssh.${ZONE}`, service: 'ssh://10.0.0.5:22', originRequest: { keepAliveTimeout: 90 } },
    { id: 'x', service: 'http://10.0.0.6', hostname: `*.${ZONE}`, 'something-new': [1, { a: null }] },
    { service: 'http_status:404' },
  ],
};

let cloud: CloudflareStandIn;
let berth: Berth;
let image: string;
let tunnel: string;

beforeAll(async () => {
  image = await tinyImage();
  cloud = await startCloudflare({ zones: [ZONE] });
  tunnel = cloud.addTunnel('cb-home', DOCUMENT);
  cloud.addRecord({ type: 'MX', name: ZONE, content: 'mail.example.net', priority: 10 });
  cloud.addRecord({ type: 'TXT', name: ZONE, content: 'v=spf1 -all', comment: 'by hand' });
  cloud.addRecord({ type: 'CNAME', name: `cb-shop.${ZONE}`, content: 'shop.example.net', proxied: true });
  berth = await startBerth({
    CLOUDFLARE_API_TOKEN: cloud.token,
    CLOUDFLARE_BASE_URL: cloud.url,
    CLOUDFLARE_TUNNEL: 'cb-home',
    BERTH_INTERVAL: '1s',
  });
});

afterEach(() => cloud.mend());

afterAll(async () => {
  try {
    await berth.tearDown();
    expect(foreign()).toBe(before);
    expect(cloud.records().filter(({ comment }) => comment?.startsWith('berth:'))).toEqual([]);
  } finally {
    await cloud.close();
  }
});

/** All that is not ours, byte for byte. */
function foreign(): string {
  const { ingress, ...rest } = JSON.parse(cloud.document(tunnel));
  const service = `http://127.0.0.1:${berth.settings.http.port}`;
  const rules = (ingress as { readonly service: string }[]).filter((rule) => rule.service !== service);
  const records = cloud.records().filter(({ comment }) => !comment?.startsWith('berth:'));
  return JSON.stringify([rest, rules, records]);
}
let before = '';

const write = (...entries: readonly string[]) =>
  berth.commit({ 'deployments.yaml': `domain: ${ZONE}\n${fileOf(...entries)}` });
const record = (name = HOST) => cloud.records(name)[0];
const rule = (hostname = HOST) => cloud.ingress(tunnel).find((one) => one.hostname === hostname);
const isRight = (hostname = HOST): boolean => {
  const { content, proxied, comment } = record(hostname) ?? {};
  const named = comment === `berth:${berth.owner}/${hostname.split('.')[0]}`;
  const led = rule(hostname)?.service === `http://127.0.0.1:${berth.settings.http.port}`;
  return led && named && proxied === true && content === `${tunnel}.cfargotunnel.com`;
};
const history = async (): Promise<string> => {
  const { passes } = JSON.parse(await readFile(join(berth.dataDir, 'state.json'), 'utf8'));
  return passes.flatMap(({ lines }: { lines: readonly string[] }) => lines).join('\n');
};

test('a commit makes container, vhost, record and route in this order, and foreign things stay', async () => {
  before = foreign();
  await write(entry('cb-blog', image, 'hello'));
  await berth.converged();
  expect((await berth.get(HOST)).body).toBe('hello');
  expect(isRight()).toBe(true);
  expect(record()?.ttl).toBe(1);
  expect(foreign()).toBe(before);
  const order = [
    'engine.create',
    'nginx',
    'cloudflare.createRecord',
    'store.routes',
    'cloudflare.writeRules',
  ];
  const at = order.map((start) => berth.effects.findIndex((label) => label.startsWith(start)));
  expect(at.every((index) => index >= 0)).toBe(true);
  const [, , made = 0, row = 0, written = 0] = at;
  expect(made < row && row < written).toBe(true);
  const hosts = cloud.ingress(tunnel).map(({ hostname }) => hostname);
  expect(hosts).toEqual([`ssh.${ZONE}`, HOST, `*.${ZONE}`, undefined]);
});

describe('what hands change is put back, with the reason in the history', () => {
  test.each<[string, string, () => void]>([
    [
      'the record is removed',
      `+ dns record ${HOST}  it was removed by hand`,
      () => cloud.removeRecord(record()?.id ?? ''),
    ],
    [
      'its proxy is turned off',
      `± dns record ${HOST}  its proxy is off`,
      () => cloud.editRecord(record()?.id ?? '', { proxied: false }),
    ],
    [
      'the record is pointed elsewhere',
      `± dns record ${HOST}  it leads to "else.example.net", not to the tunnel`,
      () => cloud.editRecord(record()?.id ?? '', { content: 'else.example.net' }),
    ],
    [
      'the route is removed',
      `+ tunnel route ${HOST}  the tunnel has no rule for it any more`,
      () => edit((rules) => rules.filter(({ hostname }) => hostname !== HOST)),
    ],
    [
      'the route is led elsewhere',
      `± tunnel route ${HOST}  it leads to "http://10.0.0.9", not to http://127.0.0.1`,
      () =>
        edit((rules) =>
          rules.map((one) => (one.hostname === HOST ? { ...one, service: 'http://10.0.0.9' } : one)),
        ),
    ],
  ])('%s', async (_, line, hands) => {
    hands();
    expect(isRight()).toBe(false);
    await until('it is put back', () => isRight(), 20_000);
    await until('it is in the history', async () => (await history()).includes(line), 20_000);
    await berth.converged();
    expect(foreign()).toBe(before);
  });

  type Rules = readonly Readonly<Record<string, unknown>>[];
  function edit(change: (rules: Rules) => Rules): void {
    const { ingress, ...rest } = JSON.parse(cloud.document(tunnel));
    cloud.setDocument(tunnel, { ...rest, ingress: change(ingress) });
  }
});

test('a hostname that somebody else has stays theirs; its deployment alone fails and says whose it is', async () => {
  const blog = entry('cb-blog', image, 'hello');
  await write(blog, suspended('cb-shop', image), suspended('cb-more', image));
  await until('the others go on', () => isRight(`cb-more.${ZONE}`), 20_000);
  await berth.converged();
  expect(berth.status('cb-shop')).toMatchObject({
    status: 'failed',
    stage: 'dns record',
    error: `cb-shop.${ZONE} has a record that is not ours, CNAME "shop.example.net": remove it at Cloudflare, or choose another hostname`,
  });
  expect(berth.status('cb-more')?.status).toBe('stopped');
  expect(foreign()).toBe(before);
  cloud.removeRecord(record(`cb-shop.${ZONE}`)?.id ?? '');
  before = foreign();
  await until('it ends by itself', () => isRight(`cb-shop.${ZONE}`), 20_000);
  await write(blog);
  await berth.converged();
  expect(foreign()).toBe(before);
});

test('answers that are lost leave no second record, no second rule and no deletion', async () => {
  const blog = entry('cb-blog', image, 'hello');
  cloud.fail(/^POST .*\/dns_records/, 'done, then reset');
  cloud.fail(/^PUT .*\/configurations/, 'done, then reset');
  await write(blog, suspended('cb-lost', image));
  const name = `cb-lost.${ZONE}`;
  await until('it is right', () => isRight(name), 30_000);
  await berth.converged();
  expect(cloud.records(name)).toHaveLength(1);
  expect(cloud.ingress(tunnel).filter(({ hostname }) => hostname === name)).toHaveLength(1);
  expect(foreign()).toBe(before);
});

test('while Cloudflare answers nonsense nothing is deleted, and what is on this machine goes on', async () => {
  const changes = cloud.changes.length;
  cloud.fail(/./, 'html', 10_000);
  await write(entry('cb-blog', image, 'newer'));
  await until('the new version answers', async () => (await berth.get(HOST)).body === 'newer', 30_000);
  await berth.until('Cloudflare is told as unseen', ({ observed }) => {
    const seen = observed['dns record'];
    return seen !== undefined && 'uncertain' in seen;
  });
  expect(cloud.changes.length).toBe(changes);
  // Its entry is gone, and so is the certainty that it may be taken apart.
  expect((await berth.get(`cb-lost.${ZONE}`)).status).toBe(503);
  cloud.mend();
  await until('the rest follows', () => !record(`cb-lost.${ZONE}`), 90_000);
  await berth.converged();
  expect(cloud.changes.slice(changes).map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
    'PUT configurations',
    'DELETE dns_record',
  ]);
  expect(foreign()).toBe(before);
});

test('a tunnel that somebody deleted is made again, and what led to it is led to the new one', async () => {
  const old = tunnel;
  cloud.deleteTunnel(old);
  const fresh = await until('a new one is made', () => {
    const found = cloud.state.tunnels.find(({ deleted }) => !deleted)?.id;
    return found !== undefined && found;
  });
  tunnel = fresh;
  await until('all is led to it', () => isRight(), 60_000);
  await berth.converged();
  expect(cloud.ingress(tunnel).map(({ hostname }) => hostname)).toEqual([HOST, undefined]);
  expect(fresh).not.toBe(old);
  before = foreign();
});

test('an entry that is gone leaves no trace: first its route, then its record, with a receipt', async () => {
  const changes = cloud.changes.length;
  await write();
  await berth.converged();
  expect(cloud.changes.slice(changes)).toEqual([
    expect.stringMatching(/^PUT configurations/),
    expect.stringMatching(/^DELETE dns_record/),
  ]);
  expect(record()).toBeUndefined();
  expect(rule()).toBeUndefined();
  const { routes, receipts } = JSON.parse(await readFile(join(berth.dataDir, 'state.json'), 'utf8'));
  expect(routes).toEqual({});
  expect(receipts.at(-1).removed).toEqual(
    expect.arrayContaining([`dns record ${HOST}`, `tunnel route ${HOST}`, 'vhost cb-blog']),
  );
  expect(foreign()).toBe(before);
});
