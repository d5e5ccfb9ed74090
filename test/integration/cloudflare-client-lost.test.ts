/** What becomes of a record when the answer to its write is lost: in the end there is exactly one, or none. */
import { afterEach, describe, expect, test } from 'vitest';
import type { RecordWant } from '../../controller/clients/cloudflare/types.ts';
import type { Fault } from '../support/cloudflare-api.ts';
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

describe('when the answer to a create is lost', () => {
  const lost: readonly Fault[] = [
    'done, then reset',
    'done, then silence',
    'done, then 502',
    'html',
    'empty object',
    'no success',
    'half',
    { status: 500 },
    { status: 403, body: '<html>' },
    'reset',
    'hang',
  ];
  test.each(lost)(
    '(%j) nothing is known until a look has told, and in the end there is exactly one',
    async (fault) => {
      const { api, edge, ask, want, certain, effects } = await start();
      api.fail(/^POST/, fault);
      await expect(edge.createRecord(want(NAME))).rejects.toThrow(
        /^Cloudflare could not create the DNS record/,
      );
      expect(typeof ask()).toBe('string');
      expect(effects, 'it was not repeated').toHaveLength(1);
      const view = await certain();
      const there = api.records(NAME).length;
      expect(view.records).toHaveLength(there);
      if (there === 0) await edge.createRecord(want(NAME));
      expect(api.records(NAME)).toHaveLength(1);
      expect(ask()).toMatchObject({ records: [{ name: NAME }] });
    },
  );

  test('one that is carried out only later is found by the next create', async () => {
    const { api, edge, want, certain } = await start();
    api.fail(/^POST/, 'hang');
    await expect(edge.createRecord(want(NAME))).rejects.toThrow(/no answer came/);
    expect((await certain()).records).toEqual([]);
    api.before(/^GET .*name.exact/, () => api.addRecord(ours(want(NAME))));
    await edge.createRecord(want(NAME));
    expect(api.records(NAME)).toHaveLength(1);
  });

  test('with 30 % of everything going wrong, 20 records come to be 20', async () => {
    const { api, edge, ask, want, pass, certain } = await start({ timeoutMs: 100 });
    const faults: readonly Fault[] = [
      'html',
      'done, then reset',
      { status: 502 },
      'done, then 502',
      'reset',
      'empty object',
    ];
    let n = 0;
    for (const fault of faults) api.fail(() => (n++ * 7919) % 100 < 5, fault, 1000);
    const names = Array.from({ length: 20 }, (_, index) => `r${index}.example.com`);
    for (let round = 0; round < 60; round += 1) {
      const view = ask();
      if (typeof view === 'string') {
        pass(INTERVAL_MS);
        await edge.settle(AbortSignal.timeout(10_000));
        continue;
      }
      const missing = names.filter((name) => !view.records.some((record) => record.name === name));
      if (missing.length === 0) break;
      await Promise.allSettled(missing.map((name) => edge.createRecord(want(name))));
    }
    api.mend();
    pass(10 * 60_000);
    await certain();
    expect(
      api
        .records()
        .map(({ name }) => name)
        .sort(),
    ).toEqual([...names].sort());
  });
});

describe('when the answer to an update or a delete is lost', () => {
  test.each(['PATCH', 'DELETE'])('%s: nothing is known until a look has told', async (method) => {
    const { api, edge, ask, want, certain } = await start();
    await edge.createRecord(want(NAME));
    const { id, zone } = (api.records(NAME)[0] ?? {}) as { id: string; zone: string };
    api.fail(new RegExp(`^${method}`), 'done, then reset');
    const work =
      method === 'PATCH'
        ? edge.updateRecord(id, 'berth:ca/blog', want(NAME, 'other'))
        : edge.deleteRecord({ id, zone, comment: 'berth:ca/blog' });
    await expect(work).rejects.toThrow(/could not be reached/);
    expect(typeof ask()).toBe('string');
    const { records } = await certain();
    expect(records.map(({ comment }) => comment)).toEqual(method === 'PATCH' ? ['berth:ca/other'] : []);
  });
});

/** A record as the client would have made it. */
function ours({ name, content, comment }: RecordWant) {
  return { type: 'CNAME', name, content, comment, proxied: true };
}
