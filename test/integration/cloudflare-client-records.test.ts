/** Writes of records: asked first, written once, seen at once; and what becomes of them when the answer is lost. */
import { afterEach, describe, expect, test } from 'vitest';
import type { RecordWant } from '../../controller/clients/cloudflare/types.ts';
import { startCloudflare } from '../support/cloudflare-api.ts';
import { type EdgeWorld, INTERVAL_MS, startEdgeWorld } from '../support/edge-world.ts';

const worlds: EdgeWorld[] = [];
async function start(...args: Parameters<typeof startEdgeWorld>): Promise<EdgeWorld> {
  const world = await startEdgeWorld(...args);
  worlds.push(world);
  await world.see();
  return world;
}
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

const NAME = 'blog.example.com';

describe('a record', () => {
  test('is made proxied, with the mark, and is in the view without another look', async () => {
    const { api, edge, ask, want, effects, changed } = await start();
    await edge.createRecord(want(NAME));
    const made = { ...want(NAME), id: api.records(NAME)[0]?.id, type: 'CNAME', proxied: true };
    expect(ask()).toMatchObject({ records: [made] });
    expect(api.records(NAME)).toMatchObject([
      { type: 'CNAME', proxied: true, ttl: 1, comment: 'berth:ca/blog' },
    ]);
    expect(effects).toEqual([`cloudflare.createRecord ${NAME}`]);
    expect(changed, 'it is no news').toBe(1);
  });

  test('of ours that is there already is taken over, and put right', async () => {
    const { api, edge, ask, want } = await start();
    api.addRecord({ ...ours(want(NAME)), proxied: false });
    await edge.createRecord(want(NAME));
    expect(api.changes).toEqual([`PATCH dns_record CNAME ${NAME}`]);
    expect(ask()).toMatchObject({ records: [{ name: NAME, proxied: true }] });
    await edge.createRecord(want(NAME));
    expect(api.changes).toHaveLength(1);
  });

  test('is changed only in what is ours of it', async () => {
    const { api, edge, ask, want } = await start();
    await edge.createRecord(want(NAME));
    const id = api.records(NAME)[0]?.id ?? '';
    api.editRecord(id, { content: 'elsewhere.org', proxied: false, tags: ['team:web'] });
    await edge.updateRecord(id, 'berth:ca/blog', want(NAME, 'other'));
    expect(api.records(NAME)).toMatchObject([
      { comment: 'berth:ca/other', proxied: true, tags: ['team:web'] },
    ]);
    expect(ask()).toMatchObject({ records: [{ comment: 'berth:ca/other' }] });
  });

  test('is deleted, and one that is gone already is fine', async () => {
    const { api, edge, ask, want } = await start();
    await edge.createRecord(want(NAME));
    const { id, zone } = (api.records(NAME)[0] ?? {}) as { id: string; zone: string };
    const record = { id, zone, comment: 'berth:ca/blog' };
    await edge.deleteRecord(record);
    expect(api.records()).toEqual([]);
    expect(ask()).toMatchObject({ records: [] });
    await edge.deleteRecord(record);
    expect(api.changes.filter((change) => change.startsWith('DELETE'))).toHaveLength(1);
  });
});

describe('what is not ours is left alone', () => {
  test.each([
    ['A', { content: '192.0.2.7' }],
    ['AAAA', { content: '2001:db8::1' }],
    ['CNAME', { content: 'elsewhere.org' }],
    ['CNAME', { content: 'elsewhere.org', comment: 'berth:other/blog' }],
    ['TXT', { content: 'v=1' }],
    ['MX', { content: 'mail.example.com', priority: 10 }],
    ['NS', { content: 'ns.example.org' }],
    ['A', { content: '192.0.2.7', comment: 'berth:ca/blog' }],
  ])('%s %j', async (type, members) => {
    const { api, edge, want } = await start();
    api.addRecord({ type, name: NAME, ...members });
    const before = JSON.stringify(api.records());
    await expect(edge.createRecord(want(NAME))).rejects.toThrow(
      `${NAME} has a ${type} record that is not ours: ${members.content}`,
    );
    expect(JSON.stringify(api.records())).toBe(before);
    expect(api.changes).toEqual([]);
  });

  test('mail and the like may stand on the domain itself beside ours', async () => {
    const { api, edge, want } = await start();
    api.addRecord({ type: 'MX', name: 'example.com', content: 'mail.example.com', priority: 10 });
    api.addRecord({ type: 'TXT', name: 'example.com', content: 'v=spf1 -all' });
    await edge.createRecord(want('example.com'));
    expect(api.records('example.com').map(({ type }) => type)).toEqual(['MX', 'TXT', 'CNAME']);
  });

  test('a record that lost its mark is neither changed nor deleted', async () => {
    const { api, edge, want } = await start();
    await edge.createRecord(want(NAME));
    const { id, zone } = (api.records(NAME)[0] ?? {}) as { id: string; zone: string };
    api.editRecord(id, { comment: 'mine now' });
    const [before, done] = [JSON.stringify(api.records()), api.changes.length];
    const says = /no longer marked as ours/;
    await expect(edge.updateRecord(id, 'berth:ca/blog', want(NAME))).rejects.toThrow(says);
    await expect(edge.deleteRecord({ id, zone, comment: 'berth:ca/blog' })).rejects.toThrow(says);
    expect(JSON.stringify(api.records())).toBe(before);
    expect(api.changes).toHaveLength(done);
  });

  test('a record that came up between our question and our write', async () => {
    const { api, edge, ask, want } = await start();
    api.before(/^POST/, () => api.addRecord({ type: 'A', name: NAME, content: '192.0.2.9' }));
    await expect(edge.createRecord(want(NAME))).rejects.toThrow(
      `${NAME} has a A record that is not ours: 192.0.2.9`,
    );
    expect(api.records().map(({ type }) => type)).toEqual(['A']);
    expect(ask()).toMatchObject({ records: [{ type: 'A' }] });
  });
});

describe('an error of the API', () => {
  test('is told in its own words, with its code, and is no doubt', async () => {
    const { api, edge, ask, want } = await start();
    api.state.quota = 0;
    await expect(edge.createRecord(want(NAME))).rejects.toThrow(
      `Cloudflare refuses to create the DNS record ${NAME}: Record quota exceeded, code 81045`,
    );
    expect(ask()).toMatchObject({ records: [] });
  });

  test.each([81053, 81057, 81058])('%i for a record that is ours and came late is fine', async (code) => {
    const { api, edge, ask, want } = await start();
    api.before(/^POST/, () => api.addRecord(ours(want(NAME))));
    const errors = [{ code, message: 'Record already exists.' }];
    api.fail(/^POST/, { spoil: () => ({ success: false, errors, messages: [], result: null }) });
    await edge.createRecord(want(NAME));
    expect(ask()).toMatchObject({ records: [{ name: NAME }] });
    expect(api.records(NAME)).toHaveLength(1);
  });
});

test("a proxy's own page with status 404 does not say that a record is gone", async () => {
  const { api, edge, want } = await start();
  await edge.createRecord(want(NAME));
  const { id, zone } = (api.records(NAME)[0] ?? {}) as { id: string; zone: string };
  api.fail(/^GET .*dns_records\/\w+$/, { status: 404, body: '<html>' });
  await expect(edge.deleteRecord({ id, zone, comment: 'berth:ca/blog' })).rejects.toThrow(/status 404/);
  expect(api.records(NAME)).toHaveLength(1);
});

test('a record in a zone that holds nothing else of ours is seen, and stays seen', async () => {
  const api = await startCloudflare({ zones: ['a.org', 'b.org', 'example.com'] });
  api.addTunnel('home');
  const { edge, see, want, pass } = await start({}, api);
  await edge.createRecord(want('www.b.org'));
  for (let n = 0; n < 4; n += 1) {
    pass(INTERVAL_MS);
    expect((await see()).records.map(({ name }) => name)).toEqual(['www.b.org']);
  }
});

/** A record as the client would have made it. */
function ours({ name, content, comment }: RecordWant) {
  return { type: 'CNAME', name, content, comment, proxied: true };
}
