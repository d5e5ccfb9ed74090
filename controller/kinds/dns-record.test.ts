/** Plans about DNS records, from a world where the entry `blog` is at rest and something happened since. */
import { describe, expect, test } from 'vitest';
import { startController } from '../../test/sim/controller.ts';
import {
  addRecord,
  addRule,
  BLOG,
  isAtEdge,
  mended,
  planned,
  records,
  rules,
  stage,
} from '../../test/sim/edge-scene.ts';
import type { Outside } from '../../test/sim/world.ts';

const HOST = 'blog.example.com';
const recordLine = (lines: readonly string[]) => lines.filter((line) => line.includes('dns record'));
const nothing: [] = [];

test('for a new entry the record comes first, then the route', async () => {
  expect(await planned({ was: nothing, wants: [BLOG] })).toEqual([
    `+ dns record ${HOST}  leads to the tunnel`,
    `+ tunnel route ${HOST}  leads to http://127.0.0.1:8080`,
  ]);
});

test('at rest there is nothing to do', async () => {
  expect(await planned({})).toEqual([]);
});

test('for an entry that is gone the route goes first, then the record', async () => {
  expect(await planned({ wants: nothing })).toEqual([
    `- tunnel route ${HOST}  its deployment left the file`,
    `- dns record ${HOST}  its deployment left the file`,
  ]);
});

test('a hostname that left its entry goes, and the new one comes', async () => {
  expect(await planned({ wants: [{ ...BLOG, host: 'www' }] })).toEqual([
    '+ dns record www.example.com  leads to the tunnel',
    '+ tunnel route www.example.com  leads to http://127.0.0.1:8080',
    `- tunnel route ${HOST}  no longer wanted`,
    `- dns record ${HOST}  no longer wanted`,
  ]);
});

test('a hostname that moved to another entry is handed over', async () => {
  const was = [{ ...BLOG, host: 'www' }];
  const wants = [BLOG, { ...BLOG, name: 'shop', host: 'www' }];
  const lines = await planned({ was, wants });
  expect(lines).toContain('± dns record www.example.com  it was of blog');
  expect(lines).toContain('± tunnel route www.example.com  it was of blog');
  expect(lines.filter((line) => line.startsWith('-'))).toEqual([]);
});

test('an entry that is suspended, or wrong, keeps what it has', async () => {
  expect(await planned({ wants: [{ ...BLOG, suspend: true }] })).toEqual([]);
  expect(await planned({ stalled: ['blog'] })).toEqual([]);
  const broken = { stalled: ['blog'], hands: records(HOST, (one) => [{ ...one, proxied: false }]) };
  expect(await planned(broken)).toEqual([]);
});

test('what an entry that is wrong has is not given to another', async () => {
  const was = [{ ...BLOG, host: 'www' }];
  const wants = [...was, { ...BLOG, name: 'shop', host: 'www' }];
  const why = 'it was of blog (blog has www.example.com and keeps it: its entry in the file is wrong)';
  expect(await planned({ was, wants, stalled: ['blog'] })).toEqual([
    `± dns record www.example.com  ${why}`,
    `± tunnel route www.example.com  ${why}`,
  ]);
});

test('the hostname of the admin is served like any other', async () => {
  expect(await planned({ was: nothing, admin: true })).toEqual([
    '+ dns record admin.example.com  leads to the tunnel',
    '+ tunnel route admin.example.com  leads to http://127.0.0.1:8080',
  ]);
});

describe('a record of ours that somebody changed is put back, and the plan says what was changed', () => {
  test.each<[string, string, (outside: Outside) => void]>([
    ['its proxy', 'its proxy is off', records(HOST, (one) => [{ ...one, proxied: false }])],
    [
      'where it leads',
      'it leads to "else.example.net", not to the tunnel',
      records(HOST, (one) => [{ ...one, content: 'else.example.net' }]),
    ],
    ['for whom it is', 'it was of shop', records(HOST, (one) => [{ ...one, comment: 'berth:sim/shop' }])],
    [
      'all of it',
      'it was of shop, it leads to "x.example.net", not to the tunnel, its proxy is off',
      records(HOST, ({ id, zone, name, type }) => [
        ...[{ id, zone, name, type, content: 'x.example.net', proxied: false, comment: 'berth:sim/shop' }],
      ]),
    ],
  ])('%s', async (_, why, hands) => {
    expect(await planned({ hands })).toEqual([`± dns record ${HOST}  ${why}`]);
  });

  test('one that was removed is made again', async () => {
    expect(await planned({ hands: records(HOST, () => []) })).toEqual([
      `+ dns record ${HOST}  it was removed by hand`,
    ]);
  });

  test('of two, the one that leads to the tunnel stays', async () => {
    const extra = addRecord({
      ...{ id: 'a0', type: 'CNAME', content: 'else.example.net', comment: 'berth:sim/blog' },
    });
    expect(await planned({ hands: extra })).toEqual([
      `- dns record ${HOST}#a0  there is another record of ${HOST}`,
    ]);
    const { outside } = await mended({ hands: extra });
    expect(outside.edge.records.filter(({ name }) => name === HOST)).toHaveLength(1);
    const wants = nothing;
    expect((await mended({ hands: extra, wants })).outside.edge.records.map(({ id }) => id)).toEqual([
      ...['f2', 'f3', 'f4'],
    ]);
  });
});

describe('a hostname that belongs to somebody else is left to them, with whose it is and what to do', () => {
  const blocked = async (hands: (outside: Outside) => void): Promise<string> => {
    const { outside, desired } = await stage({ was: nothing, wants: [BLOG], hands });
    const { plan, outcomes } = await startController(outside).pass(desired);
    const actions = plan?.actions.filter(isAtEdge) ?? [];
    expect(actions.map(({ verb, kind, wait }) => [verb, kind, wait?.forPerson])).toEqual([
      ['create', 'dns record', true],
      ['create', 'tunnel route', true],
    ]);
    expect(actions[0]?.wait?.why).toBe(actions[1]?.wait?.why);
    expect(outcomes.filter(({ error }) => error !== undefined)).toEqual([]);
    return actions[0]?.wait?.why ?? '';
  };
  const choose = 'remove it at Cloudflare, or choose another hostname';

  test.each([
    ['A', '192.0.2.7'],
    ['AAAA', '2001:db8::7'],
    ['CNAME', 'blog.pages.dev'],
    ['TXT', 'v=spf1 -all'],
    ['MX', 'mail.example.net'],
    ['NS', 'ns.example.net'],
  ])('a record of type %s', async (type, content) => {
    expect(await blocked(addRecord({ type, content }))).toBe(
      `${HOST} has a record that is not ours, ${type} "${content}": ${choose}`,
    );
  });

  test('many records', async () => {
    const all = [1, 2, 3, 4, 5].map((n) => addRecord({ id: `m${n}`, content: `192.0.2.${n}` }));
    const why = await blocked((outside) => {
      for (const add of all) add(outside);
    });
    expect(why).toBe(
      `${HOST} has a record that is not ours, A "192.0.2.1", A "192.0.2.2", A "192.0.2.3" and 2 more: ${choose}`,
    );
  });

  test('a record with control characters in it', async () => {
    expect(await blocked(addRecord({ type: 'TXT', content: 'a\n\u001b[31mb' }))).toContain(
      String.raw`"a\n\u001b[31mb"`,
    );
  });

  test('a record made by hand that leads to our own tunnel', async () => {
    expect(await blocked(addRecord({ type: 'CNAME', content: 't0.cfargotunnel.com' }))).toBe(
      `${HOST} leads to this tunnel by a record that is not marked as ours: give it the comment berth:sim/blog to hand it over, or remove it`,
    );
  });

  test("another Berth's record", async () => {
    const theirs = { type: 'CNAME', content: 't9.cfargotunnel.com', comment: 'berth:work/shop' };
    expect(await blocked(addRecord(theirs))).toBe(
      `${HOST} belongs to shop of another Berth, whose owner is work: remove it there, or choose another hostname`,
    );
  });

  test('our mark on a record of another type', async () => {
    expect(await blocked(addRecord({ comment: 'berth:sim/blog' }))).toContain('a record that is not ours');
  });

  test.each([
    ['', {}],
    [' (path "^/api")', { path: '^/api' }],
  ])('a rule of the tunnel%s', async (path, more) => {
    const rule = { hostname: HOST, ...more, service: 'http://me:secret@10.0.0.9:80' };
    expect(await blocked(addRule(rule))).toBe(
      `the tunnel has a rule for ${HOST}${path} that leads to "http://10.0.0.9:80" and is not ours: ${choose} than ${HOST}`,
    );
  });

  test('a rule that is what ours would be, but that nothing tells to be ours', async () => {
    expect(await blocked(addRule({ hostname: HOST, service: 'http://127.0.0.1:8080' }))).toContain(
      'is not ours',
    );
  });

  test('it ends by itself when the obstacle goes', async () => {
    const { outside, desired } = await stage({ was: nothing, wants: [BLOG], hands: addRecord({}) });
    const controller = startController(outside);
    await controller.pass(desired);
    records(HOST, () => [])(outside);
    const { outcomes } = await controller.pass(desired);
    expect(outcomes.map(({ action: { kind } }) => kind)).toContain('dns record');
  });
});

test('a comment that somebody wiped is for them to put back; visitors are served on', async () => {
  const hands = records(HOST, (one) => [{ ...one, comment: '' }]);
  expect(await planned({ hands })).toEqual([
    `+ dns record ${HOST}  it was removed by hand (${HOST} leads to this tunnel by a record that is not marked as ours: give it the comment berth:sim/blog to hand it over, or remove it)`,
  ]);
});

test('the apex may have mail and text beside our record, but no other address', async () => {
  const apex = [{ ...BLOG, host: '@' }];
  const at = async (type: string) =>
    recordLine(await planned({ was: nothing, wants: apex, hands: addRecord({ name: 'example.com', type }) }));
  for (const type of ['TXT', 'MX', 'CAA', 'NS'])
    expect(await at(type)).toEqual(['+ dns record example.com  leads to the tunnel']);
  for (const type of ['A', 'AAAA', 'CNAME']) expect((await at(type))[0]).toContain('is not ours');
});

test('a hostname in no zone of the account waits for a person', async () => {
  const lines = await planned({ was: nothing, wants: [{ ...BLOG, host: 'blog.elsewhere.net' }] });
  const why =
    'blog.elsewhere.net is in no zone of the Cloudflare account, which has example.com: add the domain to Cloudflare, or correct `domain` or `hosts`';
  expect(lines).toEqual([
    `+ dns record blog.elsewhere.net  leads to the tunnel (${why})`,
    `+ tunnel route blog.elsewhere.net  leads to http://127.0.0.1:8080 (${why})`,
  ]);
});

test('a name of this machine is none of the internet', async () => {
  expect(await planned({ was: nothing, wants: [{ ...BLOG, host: 'blog.localhost' }] })).toEqual([]);
});

describe('the tunnel', () => {
  const gone = (outside: Outside): void => {
    Object.assign(outside.edge, { tunnel: undefined, rules: [{ service: 'http_status:404' }] });
  };

  test('is made before all else when something is to be served through it', async () => {
    expect(await planned({ was: nothing, wants: [BLOG], hands: gone })).toEqual([
      `+ tunnel sim  ${HOST} is served through it`,
      `+ dns record ${HOST}  leads to the tunnel (the tunnel is made first)`,
      `+ tunnel route ${HOST}  leads to http://127.0.0.1:8080 (the tunnel is made first)`,
    ]);
  });

  test('is not made for nothing', async () => {
    expect(await planned({ was: nothing, hands: gone })).toEqual([]);
    const elsewhere = [{ ...BLOG, host: 'blog.elsewhere.net' }];
    expect((await planned({ was: nothing, wants: elsewhere, hands: gone }))[0]).not.toContain('+ tunnel sim');
  });

  test('that somebody deleted is made again, with what led to it', async () => {
    expect(await planned({ hands: gone })).toEqual([
      `+ tunnel sim  ${HOST} is served through it`,
      `± dns record ${HOST}  it leads to "t0.cfargotunnel.com", not to the tunnel (the tunnel is made first)`,
      `+ tunnel route ${HOST}  the tunnel has no rule for it any more (the tunnel is made first)`,
    ]);
    const { outside } = await mended({ hands: gone });
    expect(outside.edge.rules[0]).toEqual({ hostname: HOST, service: 'http://127.0.0.1:8080' });
  });

  test('is never deleted', async () => {
    const { outside } = await mended({ wants: nothing });
    expect(outside.edge.tunnel).toEqual({ id: 't0', name: 'sim' });
  });
});

describe('not sure is not empty', () => {
  const broken = (outside: Outside): void => {
    records(HOST, (one) => [{ ...one, proxied: false }])(outside);
    rules(HOST, () => [])(outside);
  };

  test.each(['tunnel', 'dns record', 'tunnel route'])(
    'while no %s can be seen, nothing is done at Cloudflare and no deployment is taken apart',
    async (unsure) => {
      const fix = await stage({ hands: broken });
      expect((await startController(fix.outside).pass(fix.desired, { unsure })).outcomes).toEqual([]);
      const gone = await stage({ wants: nothing });
      const { plan, outcomes } = await startController(gone.outside).pass(gone.desired, { unsure });
      expect(outcomes).toEqual([]);
      expect(plan?.actions.length).toBeGreaterThan(0);
      expect(plan?.actions.filter(isAtEdge)).toEqual([]);
    },
  );
});
