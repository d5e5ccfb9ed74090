/** Plans about tunnel routes, from a world where the entry `blog` is at rest and something happened since. */
import { describe, expect, test } from 'vitest';
import { startController } from '../../test/sim/controller.ts';
import { addRule, BLOG, mended, planned, records, rules, stage } from '../../test/sim/edge-scene.ts';
import type { Outside } from '../../test/sim/world.ts';
import { TransientError } from '../core/errors.ts';

const HOST = 'blog.example.com';
const OURS = { hostname: HOST, service: 'http://127.0.0.1:8080' };

const loseState = (outside: Outside): void => {
  outside.state = { ...outside.state, routes: {} };
};
const both =
  (...hands: readonly ((outside: Outside) => void)[]) =>
  (outside: Outside): void => {
    for (const hand of hands) hand(outside);
  };

describe('a route of ours that somebody changed is put back, and the plan says what was changed', () => {
  test.each<[string, string, (outside: Outside) => void]>([
    ['removed', `+ tunnel route ${HOST}  the tunnel has no rule for it any more`, rules(HOST, () => [])],
    [
      'led elsewhere',
      `± tunnel route ${HOST}  it leads to "http://10.0.0.9:80", not to http://127.0.0.1:8080`,
      rules(HOST, (rule) => [{ ...rule, service: 'http://10.0.0.9:80' }]),
    ],
    [
      'listed twice',
      `± tunnel route ${HOST}  it is listed 2 times`,
      rules(HOST, (rule) => [rule, { ...rule }]),
    ],
    [
      'behind a wildcard',
      `± tunnel route ${HOST}  a rule for *.example.com that leads to "http://10.0.0.1" stands before it`,
      addRule({ hostname: '*.example.com', service: 'http://10.0.0.1' }),
    ],
    [
      'behind a rule for every hostname',
      `± tunnel route ${HOST}  a rule for every hostname (path "^/x") that leads to "http://10.0.0.1" stands before it`,
      addRule({ path: '^/x', service: 'http://10.0.0.1' }),
    ],
    ['forgotten', `± tunnel route ${HOST}  the state file has no row of it`, loseState],
  ])('%s', async (_, line, hands) => {
    expect(await planned({ hands })).toEqual([line]);
    const { outside } = await mended({ hands });
    const hosts = outside.edge.rules.map(({ hostname }) => hostname);
    expect(hosts.filter((host) => host === HOST)).toEqual([HOST]);
    expect(hosts.indexOf(HOST)).toBeLessThan(hosts.indexOf('*.example.com'));
    expect(outside.edge.rules).toContainEqual(OURS);
    expect(outside.state.routes).toEqual({ [HOST]: 'blog' });
  });

  test('other fields of the rule stay as somebody set them', async () => {
    const hands = rules(HOST, (rule) => [
      { ...rule, service: 'http://10.0.0.9', originRequest: { noTLSVerify: true } },
    ]);
    const { outside } = await mended({ hands });
    expect(outside.edge.rules).toContainEqual({ ...OURS, originRequest: { noTLSVerify: true } });
  });
});

test('a foreign rule of the hostname before ours is for a person to remove', async () => {
  const hands = addRule({ hostname: HOST, service: 'http://10.0.0.9' });
  expect(await planned({ hands })).toEqual([
    `± tunnel route ${HOST}  a rule for ${HOST} that leads to "http://10.0.0.9" stands before it (the tunnel has a rule for ${HOST} that leads to "http://10.0.0.9" and is not ours: remove it at Cloudflare, or choose another hostname than ${HOST})`,
  ]);
});

test('a foreign rule for a path of the hostname is left beside ours', async () => {
  expect(
    await planned({ hands: addRule({ hostname: HOST, path: '^/old', service: 'http://10.0.0.9' }) }),
  ).toEqual([]);
});

test('a row without a rule goes with its deployment, without a word to Cloudflare', async () => {
  const { outside, effects } = await mended({ wants: [], hands: rules(HOST, () => []) });
  expect(outside.state.routes).toEqual({});
  expect(effects).toEqual([`edge.deleteRecord ${HOST}`]);
});

test('with the state file lost and the record gone, nothing tells that the rule was ours, so it stays', async () => {
  const { outside } = await mended({
    wants: [],
    hands: both(
      loseState,
      records(HOST, () => []),
    ),
  });
  expect(outside.edge.rules).toContainEqual(OURS);
});

test('all changes of a pass are one write, and the rows of new rules come before it', async () => {
  const shop = { ...BLOG, name: 'shop' };
  const { outside, desired } = await stage({ was: [], wants: [BLOG, shop] });
  const controller = startController(outside);
  await controller.pass(desired);
  const about = controller.effects.filter((label) => /^(edge|store.routes)/.test(label)).map((l) => l.trim());
  expect(about).toEqual([
    `edge.createRecord ${HOST}`,
    'edge.createRecord shop.example.com',
    `store.routes ${HOST} shop.example.com`,
    'edge.editRules',
  ]);
});

test('rules go before their records, and rows after their rules', async () => {
  const { outside, desired } = await stage({ wants: [] });
  const controller = startController(outside);
  for (let pass = 0; pass < 3; pass += 1) await controller.pass(desired);
  const about = controller.effects.filter((label) => /^(edge|store.routes)/.test(label));
  expect(about).toEqual([`edge.editRules ${HOST}`, `store.routes ${HOST}`, `edge.deleteRecord ${HOST}`]);
});

test('a receipt names the record and the route', async () => {
  const { outside } = await mended({ wants: [] });
  const removed = outside.state.receipts.flatMap((receipt) => receipt.removed);
  expect(removed).toContain(`dns record ${HOST}`);
  expect(removed).toContain(`tunnel route ${HOST}`);
});

test('a foreign rule that comes up at the last moment fails its own action alone, and keeps no row', async () => {
  const shop = { ...BLOG, name: 'shop' };
  const { outside, desired } = await stage({ was: [], wants: [BLOG, shop] });
  const theirs = { hostname: HOST, service: 'http://10.0.0.9' };
  outside.edge.racer = theirs;
  const controller = startController(outside);
  const { outcomes } = await controller.pass(desired);
  const failed = outcomes.filter(({ error }) => error !== undefined);
  expect(failed.map(({ action }) => [action.kind, action.key])).toEqual([['tunnel route', HOST]]);
  expect(failed[0]?.error).toBeInstanceOf(TransientError);
  expect(outside.state.routes).toEqual({ 'shop.example.com': 'shop' });
  expect(outside.edge.rules.filter(({ hostname }) => hostname === HOST)).toEqual([theirs]);
});
