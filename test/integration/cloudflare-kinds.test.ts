/**
 * Hostnames among other people's: where our rule stands between theirs, a hostname that is taken, a tunnel that somebody
 * deleted. The way there and back is `internet.test.ts`, bad days are `cloudflare-outage.test.ts`.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
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
