/**
 * What Cloudflare may answer on a bad day, each while one entry comes, one goes and one changes: the one that changes is
 * not delayed, nothing is deleted on doubt, nothing of others is touched, and afterwards all is as the file says.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type CloudflareStandIn, startCloudflare } from '../support/cloudflare-api.ts';
import { appService } from '../support/deploy-apps.ts';
import { type DeployWorld, deployWorld } from '../support/deploy-world.ts';
import { containersOf } from '../support/docker.ts';
import { until } from '../support/until.ts';

const ZONE = 'co.example.com';
/** A redeploy takes about 2 s here; whoever waits for Cloudflare would take longer than this. */
const NOT_DELAYED_MS = 20_000;
const MANY = 100_000;
const ANY = /./;
const RECORDS = /^GET .*\/dns_records\?/;
const DOCUMENT = /^GET .*\/configurations/;

let cloud: CloudflareStandIn;
let world: DeployWorld;
let tunnel = '';
let version = 0;

beforeAll(async () => {
  cloud = await startCloudflare({ zones: [ZONE] });
  tunnel = cloud.addTunnel('co-home', {
    ingress: [
      { hostname: `ssh.${ZONE}`, service: 'ssh://localhost:22', 'x-new': { b: 1, a: 2 } },
      { service: 'http_status:503' },
    ],
  });
  cloud.addRecord({ type: 'A', name: `nas.${ZONE}`, content: '203.0.113.7' });
  world = await deployWorld({
    CLOUDFLARE_API_TOKEN: cloud.token,
    CLOUDFLARE_BASE_URL: cloud.url,
    CLOUDFLARE_TUNNEL: 'co-home',
    BERTH_DOMAIN: ZONE,
  });
});

afterEach(() => cloud.mend());

afterAll(async () => {
  try {
    await world.end();
    expect(cloud.records().map(({ name }) => name)).toEqual([`nas.${ZONE}`]);
  } finally {
    await cloud.close();
  }
});

const ofUs = (name: string): boolean => /^(stay|gone|came)\./.test(name);
const records = (name: string) => cloud.records(`${name}.${ZONE}`);
const rules = (name: string) =>
  cloud.ingress(tunnel).filter(({ hostname }) => hostname === `${name}.${ZONE}`);

/** All that others have there, byte for byte. */
function foreign(): string {
  const { ingress, ...rest } = JSON.parse(cloud.document(tunnel));
  const others = ingress.filter(({ hostname = '' }) => !ofUs(hostname));
  return JSON.stringify([rest, others, cloud.records().filter(({ name }) => !ofUs(name))]);
}

interface Day {
  readonly what: string;
  readonly harm: () => void;
  /** While it lasts nothing can be known, so nothing at all is changed there. */
  readonly blind: boolean;
  /** The commit comes in the very moment, while what was seen before still counts. */
  readonly sudden?: true;
  /** The pause that was asked for outlasts any test; another controller has not heard of it. */
  readonly restart?: true;
}

const DAYS: readonly Day[] = [
  { what: 'web pages with status 200', harm: () => cloud.fail(ANY, 'html', MANY), blind: true },
  { what: 'empty objects', harm: () => cloud.fail(ANY, 'empty object', MANY), blind: true },
  { what: 'success: false with status 200', harm: () => cloud.fail(ANY, 'no success', MANY), blind: true },
  { what: 'half an answer', harm: () => cloud.fail(ANY, 'half', MANY), blind: true },
  { what: 'a web page for the document alone', harm: () => cloud.fail(DOCUMENT, 'html', MANY), blind: true },
  {
    what: 'a list that is short of a record',
    harm: () => cloud.fail(RECORDS, { countOff: 1 }, MANY),
    blind: true,
  },
  {
    what: 'a second page that fails',
    harm: () => {
      cloud.fail(/^GET .*\/dns_records\?(?=.*\bpage=2\b)/, { status: 500 }, MANY);
      cloud.fail(RECORDS, { spoil: twoPages }, MANY);
    },
    blind: true,
  },
  { what: 'errors 500', harm: () => cloud.fail(ANY, { status: 500 }, MANY), blind: true },
  { what: 'no answer at all', harm: () => cloud.fail(ANY, 'hang', MANY), blind: true, sudden: true },
  { what: 'broken connections', harm: () => cloud.fail(ANY, 'reset', MANY), blind: true },
  {
    what: '429 with Retry-After: 300',
    harm: () => cloud.fail(ANY, { retryAfter: 300 }, MANY),
    blind: true,
    restart: true,
  },
  { what: 'a revoked token', harm: revoke, blind: true },
  {
    what: 'a record that is made, and no word of it',
    harm: () => cloud.fail(/^POST .*dns_records/, 'done, then reset', 2),
    blind: false,
  },
  {
    what: 'a document that is written, and no word of it',
    harm: () => cloud.fail(/^PUT .*configurations/, 'done, then silence', 2),
    blind: false,
  },
  {
    what: 'a document that is not taken',
    harm: () => cloud.fail(/^PUT .*configurations/, { status: 502 }, 2),
    blind: false,
  },
  {
    what: 'an editor between our look and our write',
    harm: () => cloud.after(RECORDS, addRule),
    blind: false,
  },
];

function revoke(): void {
  cloud.revoked = true;
}

/** As if there were a second page. */
function twoPages(body: unknown): unknown {
  const { result_info: info, ...rest } = body as { readonly result_info: { readonly total_count: number } };
  return { ...rest, result_info: { ...info, total_count: info.total_count + 1, total_pages: 2 } };
}

function addRule(): void {
  const document = JSON.parse(cloud.document(tunnel));
  const theirs = { hostname: `theirs.${ZONE}`, service: 'http://10.0.0.8' };
  cloud.setDocument(tunnel, { ...document, ingress: [theirs, ...document.ingress] });
}

test.each(DAYS)('$what: only what needs Cloudflare waits', async ({ harm, blind, sudden, restart }) => {
  const { berth, image } = world;
  const [old, fresh] = [`v${version}`, `v${version + 1}`];
  version += 2;
  await world.deploy({ stay: appService(image, old), gone: appService(image, old) });
  const theirs = foreign();
  harm();
  if (blind && !sudden)
    await berth.until('it is noticed', ({ observed }) => 'uncertain' in (observed['dns record'] ?? []));
  const changes = cloud.changes.length;
  await world.write({ stay: appService(image, fresh), came: appService(image, fresh) });
  for (const name of ['stay', 'came'])
    await until(`${name} is served here`, async () => (await served(name)) === fresh, NOT_DELAYED_MS);
  if (blind) {
    expect(cloud.changes.slice(changes)).toEqual([]);
    expect(await containersOf(berth.owner, 'gone')).toHaveLength(1);
    expect(await served('gone')).toBe(old);
    expect(foreign()).toBe(theirs);
  }
  cloud.mend();
  cloud.revoked = false;
  if (restart) await berth.restart();
  await berth.converged();
  for (const name of ['stay', 'came']) expect([records(name).length, rules(name).length]).toEqual([1, 1]);
  expect([records('gone'), rules('gone'), await containersOf(berth.owner, 'gone')]).toEqual([[], [], []]);
  const without = foreign().replace(`{"hostname":"theirs.${ZONE}","service":"http://10.0.0.8"},`, '');
  expect(without).toBe(theirs);
});

async function served(name: string): Promise<string | undefined> {
  const answer = await world.berth.get(`${name}.${ZONE}`).catch(() => undefined);
  return answer?.status === 200 ? answer.body.split(' ')[0] : undefined;
}
