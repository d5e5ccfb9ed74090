import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { IngressRule } from '../clients/cloudflare/types.ts';
import { changeRules, type RuleChange, rulesOf } from './tunnel-rules.ts';

const OURS = 'http://127.0.0.1:8080';
const own = (hostname: string): IngressRule => ({ hostname, service: OURS });
const other = (hostname: string, service = 'http://10.0.0.1:80'): IngressRule => ({ hostname, service });
const put = (hostname: string, claim: RuleChange['claim'] = 'record'): RuleChange => ({
  ...{ hostname, do: 'put', claim },
});
const remove = (hostname: string, claim: RuleChange['claim'] = 'row'): RuleChange => ({
  ...{ hostname, do: 'remove', claim },
});
const changed = (rules: readonly IngressRule[], ...changes: readonly RuleChange[]) =>
  changeRules(rules, changes, OURS).rules;

describe('which rules of a hostname are ours', () => {
  const of = (claim: 'row' | 'record' | undefined, ...rules: readonly IngressRule[]) =>
    rulesOf(rules, 'a.com', { claim, service: OURS }).own;
  const pathed = { ...own('a.com'), path: '^/api' };

  test('none without a claim, and none with a path', () => {
    expect(of(undefined, own('a.com'))).toEqual([]);
    expect(of('row', pathed)).toEqual([]);
  });

  test('by our record alone, only what we would write', () => {
    expect(of('record', other('a.com'))).toEqual([]);
    expect(of('record', other('a.com'), own('a.com'))).toEqual([own('a.com')]);
  });

  test('by a row also what somebody led elsewhere, unless ours is there beside it', () => {
    expect(of('row', other('a.com'))).toEqual([other('a.com')]);
    expect(of('row', other('a.com'), own('a.com'))).toEqual([own('a.com')]);
  });

  test('letters of either case mean one hostname', () => {
    expect(of('record', own('A.com'))).toEqual([own('A.com')]);
  });
});

describe('where a new rule goes', () => {
  test('at the end, before what would catch its hostname', () => {
    const wild = other('*.a.com');
    const all = { service: 'http_status:503' };
    expect(changed([other('b.com'), wild, other('c.com')], put('x.a.com'))).toEqual([
      ...[other('b.com'), own('x.a.com'), wild, other('c.com')],
    ]);
    expect(changed([other('b.com'), wild], put('a.com'))).toEqual([other('b.com'), wild, own('a.com')]);
    expect(changed([other('b.com'), all], put('a.com'))).toEqual([other('b.com'), own('a.com'), all]);
    expect(changed([{ ...all, hostname: '*' }], put('a.com'))[0]).toEqual(own('a.com'));
  });

  test('ours is moved before what came to stand before it, and nothing else moves', () => {
    const wild = other('*.com');
    expect(changed([other('b.com'), wild, own('a.com'), other('c.com')], put('a.com'))).toEqual([
      ...[other('b.com'), own('a.com'), wild, other('c.com')],
    ]);
  });
});

test('what is right already is not touched', () => {
  const rules = [other('b.com'), own('a.com')];
  expect(changed(rules, put('a.com'))).toBe(rules);
  expect(changed(rules, remove('c.com'))).toBe(rules);
});

test('a service that was changed is put back in its place, and other fields of the rule stay', () => {
  const edited = { originRequest: { noTLSVerify: true }, ...other('a.com') };
  const [first, second] = changed([edited, other('b.com')], put('a.com', 'row'));
  expect(JSON.stringify(first)).toBe(JSON.stringify({ ...edited, service: OURS }));
  expect(second).toEqual(other('b.com'));
});

test('of several of ours the first stays', () => {
  const first = { ...own('a.com'), note: 1 };
  expect(changed([first, other('b.com'), own('a.com')], put('a.com', 'row'))).toEqual([
    first,
    other('b.com'),
  ]);
});

test('a foreign rule of the hostname blocks its own change alone', () => {
  const rules = [other('a.com'), { ...own('b.com'), path: '^/x' }];
  const { rules: now, blocked } = changeRules(rules, [put('a.com'), put('b.com'), put('c.com')], OURS);
  expect([...blocked.keys()]).toEqual(['a.com', 'b.com']);
  expect(now).toEqual([...rules, own('c.com')]);
});

test('a removal takes what is ours, and leaves what somebody put beside it', () => {
  expect(changed([other('a.com'), own('a.com'), own('a.com')], remove('a.com'))).toEqual([other('a.com')]);
  expect(changed([other('a.com')], remove('a.com', 'record'))).toEqual([other('a.com')]);
  expect(changed([other('a.com')], remove('a.com'))).toEqual([]);
});

test('whatever the rules and changes, foreign rules stay as they are in their order, and a second time changes nothing', () => {
  const host = fc.constantFrom('a.com', 'x.a.com', 'b.com', '*.a.com', '*', undefined);
  const rule = fc.record(
    { hostname: host, path: fc.constantFrom('^/p'), service: fc.constantFrom(OURS, 'http://10.0.0.1') },
    { requiredKeys: ['service'] },
  ) as fc.Arbitrary<IngressRule>;
  const change = fc.record({
    hostname: fc.constantFrom('a.com', 'x.a.com', 'b.com'),
    do: fc.constantFrom('put' as const, 'remove' as const),
    claim: fc.constantFrom('row' as const, 'record' as const),
  });
  const changes = fc.uniqueArray(change, { selector: ({ hostname }) => hostname });
  fc.assert(
    fc.property(fc.array(rule), changes, (rules, list) => {
      const ours = new Set(
        list.flatMap(({ hostname, claim }) => rulesOf(rules, hostname, { claim, service: OURS }).own),
      );
      const once = changeRules(rules, list, OURS);
      const foreign = rules.filter((one) => !ours.has(one));
      expect(once.rules.filter((one) => rules.includes(one) && !ours.has(one))).toEqual(foreign);
      const again = list.map((one) => ({ ...one, claim: 'record' as const }));
      expect(changeRules(once.rules, again, OURS).rules).toEqual(once.rules);
    }),
    { numRuns: 2000 },
  );
});
