/** What the client makes of Cloudflare's answers, the good and the bad: it knows all, or it knows nothing and says why. */
import { afterEach, describe, expect, test } from 'vitest';
import { type Fault, startCloudflare } from '../support/cloudflare-api.ts';
import { type EdgeWorld, INTERVAL_MS, startEdgeWorld } from '../support/edge-world.ts';
import { until } from '../support/until.ts';

const worlds: EdgeWorld[] = [];
async function start(...args: Parameters<typeof startEdgeWorld>): Promise<EdgeWorld> {
  const world = await startEdgeWorld(...args);
  worlds.push(world);
  return world;
}
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

const LIST = /^GET \/zones\/\w+\/dns_records/;
const DOCUMENT = /^GET .*\/configurations/;

describe('a look', () => {
  test('sees zones, records of every type, the tunnel and its rules', async () => {
    const { api, see } = await start();
    const id = api.addRecord({ type: 'TXT', name: 'example.com', content: 'v=spf1', comment: 'mail' });
    const [tunnel] = api.state.tunnels;
    api.setDocument(tunnel?.id ?? '', {
      ingress: [{ hostname: 'a.b', service: 'http://x' }, { service: 'http_status:404' }],
    });
    const zone = api.state.zones[0]?.id;
    const record = {
      id,
      zone,
      type: 'TXT',
      name: 'example.com',
      content: 'v=spf1',
      proxied: false,
      comment: 'mail',
    };
    expect(await see()).toEqual({
      zones: [{ id: zone, name: 'example.com' }],
      records: [record],
      tunnel: { id: tunnel?.id, name: 'home' },
      rules: [{ hostname: 'a.b', service: 'http://x' }, { service: 'http_status:404' }],
    });
  });

  test('is only begun by the first question, and tells when it has ended', async () => {
    const world = await start();
    expect(world.ask()).toContain('for the first time');
    await until('it ends', () => world.changed === 1, 10_000);
    expect(world.ask()).toMatchObject({ tunnel: { name: 'home' } });
  });

  test('reads every page', async () => {
    const { api, see } = await start();
    for (let n = 0; n < 2345; n += 1) api.addRecord({ name: `r${n}.example.com` });
    const names = (await see()).records.map(({ name }) => name);
    expect(new Set(names).size).toBe(2345);
    expect(api.count(LIST)).toBe(3);
  });

  test('costs one list for a zone and one read of the document, each interval', async () => {
    const { api, see, ask, pass, edge } = await start();
    await see();
    for (const _ of [1, 2]) {
      api.calls.length = 0;
      ask();
      pass(INTERVAL_MS);
      ask();
      await edge.settle(AbortSignal.timeout(10_000));
      const asked = api.calls.map(({ method, path }) => `${method} ${path.split('/').at(-1)}`);
      expect(asked.sort()).toEqual(['GET configurations', 'GET dns_records']);
    }
  });

  test('of a zone with nothing of ours is rare, and one of them comes along each time', async () => {
    const names = ['a.org', 'b.org', 'c.org', 'example.com'];
    const { api, see, pass } = await start({}, await startCloudflare({ zones: names }));
    api.addTunnel('home');
    api.addRecord({ type: 'CNAME', name: 'www.example.com', content: 'x.y', comment: 'berth:ca/blog' });
    await see();
    const listed: string[] = [];
    for (let n = 0; n < 6; n += 1) {
      api.calls.length = 0;
      pass(INTERVAL_MS);
      await see();
      const zones = api.calls.filter(({ path }) => path.endsWith('dns_records'));
      expect(zones).toHaveLength(2);
      listed.push(
        ...zones.map(({ path }) => api.state.zones.find(({ id }) => path.includes(id))?.name ?? ''),
      );
    }
    const times = names.map((name) => listed.filter((one) => one === name).length);
    expect(times).toEqual([2, 2, 2, 6]);
  });

  test('finds a domain that was added, within ten minutes', async () => {
    const { api, see, pass } = await start();
    await see();
    api.addZone('new.org');
    pass(10 * 60_000);
    expect((await see()).zones.map(({ name }) => name)).toEqual(['example.com', 'new.org']);
  });

  test('that is stopped by close tells nothing any more', async () => {
    const world = await start();
    world.api.fail(/zones/, 'hang');
    world.ask();
    await until('it is asked', () => world.api.state && world.changed === 0, 1000);
    world.edge.close();
    await world.edge.settle(AbortSignal.timeout(1000));
    expect(world.changed).toBe(0);
  });
});

describe('an answer that is not certain is no view, and nothing is lost by it', () => {
  const rows: readonly (readonly [name: string, fault: Fault, says: RegExp])[] = [
    ['a web page with status 200', 'html', /makes no sense \(it is text\/html/],
    ['{}', 'empty object', /no success: true/],
    ['success: false', 'no success', /no success: true/],
    ['half an answer', 'half', /JSON is broken/],
    ['status 500', { status: 500, body: {} }, /status 500/],
    ['a page with status 502', { status: 502, body: '<html>' }, /status 502/],
    ['a redirect', { status: 302, headers: { location: 'https://example.org/' } }, /status 302/],
    ['a broken connection', 'reset', /could not be reached \(UND_ERR_SOCKET\)/],
    ['silence', 'hang', /no answer came in 0.4 s/],
    ['result: null', { spoil: (body) => ({ ...(body as object), result: null }) }, /makes no sense/],
    ['items that are none', { spoil: (body) => ({ ...(body as object), result: [7] }) }, /makes no sense/],
  ];
  for (const [where, match] of [
    ['the records', LIST],
    ['the document', DOCUMENT],
    ['the zones', /^GET \/zones\?/],
  ] as const)
    test.each(rows)(`${where}: %s`, async (_name, fault, says) => {
      const { api, see, ask, pass, certain } = await start();
      api.addRecord({ name: 'www.example.com' });
      const before = await see();
      api.fail(match, fault);
      // Zones are asked for every ten minutes only.
      pass(10 * 60_000);
      await expect(see()).rejects.toThrow(says);
      expect(ask()).toMatch(says);
      pass(1000);
      expect(await certain()).toEqual(before);
      expect(api.changes).toEqual([]);
    });

  const countless: readonly (readonly [string, Fault])[] = [
    ['too high', { countOff: 1 }],
    ['too low', { countOff: -1 }],
    ['not there', { spoil: (body) => ({ ...(body as object), result_info: undefined }) }],
  ];
  test.each(countless)('a total_count that is %s', async (_name, fault) => {
    const { api, see } = await start();
    api.addRecord({ name: 'www.example.com' });
    api.fail(LIST, fault);
    await expect(see()).rejects.toThrow(/makes no sense/);
  });

  test('a second page that fails', async () => {
    const { api, see } = await start();
    for (let n = 0; n < 1001; n += 1) api.addRecord({ name: `r${n}.example.com` });
    api.fail(/dns_records.*page=2/, { status: 503 });
    await expect(see()).rejects.toThrow(/status 503/);
  });

  test('a second page that repeats the first', async () => {
    const { api, see } = await start();
    for (let n = 0; n < 2000; n += 1) api.addRecord({ name: `r${n}.example.com` });
    const first = api.records().slice(0, 1000);
    api.fail(/dns_records.*page=2/, { spoil: (body) => ({ ...(body as object), result: first }) });
    await expect(see()).rejects.toThrow(/comes twice/);
  });

  test('an answer without an end', async () => {
    const { api, see } = await start();
    api.fail(LIST, { status: 200, body: 'x'.repeat(9 * 2 ** 20) });
    await expect(see()).rejects.toThrow(/over 8388608 bytes/);
  });

  test('a document with a number that would be rounded', async () => {
    const { api, see } = await start();
    const config = '{"ingress":[{"service":"http_status:404"}],"big":12345678901234567890}';
    const body = `{"success":true,"result":{"version":1,"config":${config}},"errors":[]}`;
    api.fail(DOCUMENT, { status: 200, body });
    await expect(see()).rejects.toThrow(/would round/);
  });
});
