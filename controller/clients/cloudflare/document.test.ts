import { expect, test } from 'vitest';
import { editDocument, holds, wasOvertaken } from './document.ts';
import type { TunnelDocument } from './shapes.ts';

const ours = { hostname: 'blog.example.com', service: 'http://127.0.0.1:8080' };
const add = (rules: readonly object[]) => [...rules, ours] as never;
const document = (json: string): TunnelDocument => ({ version: 3, config: JSON.parse(json) });

test('a new tunnel gets our rules and one for the rest', () => {
  for (const config of [null, {}, { ingress: [] }])
    expect(editDocument({ version: 0, config }, add)).toEqual({
      ingress: [ours, { service: 'http_status:404' }],
    });
});

test('what is not ours goes back byte for byte, the rule for the rest last', () => {
  const foreign =
    '{"warp-routing":{"enabled":true},"ingress":[{"service":"ssh://x:22","hostname":"s.b","__proto__":{"a":1},"originRequest":{"noTLSVerify":true}},{"hostname":"*.b","path":"^/x","service":"http://y"}';
  const rest = '{"service":"http_status:418","originRequest":{}}';
  const edited = editDocument(document(`${foreign},${rest}],"originRequest":{"connectTimeout":10}}`), add);
  expect(JSON.stringify(edited)).toBe(
    `${foreign},${JSON.stringify(ours)},${rest}],"originRequest":{"connectTimeout":10}}`,
  );
});

test('a document without a rule for the rest gets one', () => {
  const edited = editDocument(document('{"ingress":[{"hostname":"a.b","service":"http://x"}]}'), add);
  expect(edited?.ingress).toEqual([
    { hostname: 'a.b', service: 'http://x' },
    ours,
    { service: 'http_status:404' },
  ]);
});

test('an edit that changes nothing writes nothing, however its members are ordered', () => {
  const text = '{"ingress":[{"service":"http://x","hostname":"a.b"},{"service":"http_status:404"}]}';
  expect(editDocument(document(text), (rules) => rules)).toBeUndefined();
  expect(editDocument(document(text), () => [{ hostname: 'a.b', service: 'http://x' }])).toBeUndefined();
});

test.each([
  ['the same', '{"a":[{"b":1}]}', true],
  ['a member more', '{"a":[{"b":1,"originRequest":{}}],"c":{}}', true],
  ['another value', '{"a":[{"b":2}]}', false],
  ['an item more', '{"a":[{"b":1},{}]}', false],
  ['a member less', '{"a":[{}]}', false],
  ['another shape', '{"a":{"0":{"b":1}}}', false],
])('what was written is there: %s', (_name, there, yes) => {
  expect(holds(JSON.parse(there), { a: [{ b: 1 }] })).toBe(yes);
});

test('a member called __proto__ is a member like any other', () => {
  expect(holds(JSON.parse('{}'), JSON.parse('{"__proto__":{"a":1}}'))).toBe(false);
  expect(holds(JSON.parse('{"__proto__":{"a":1}}'), JSON.parse('{"__proto__":{"a":1}}'))).toBe(true);
});

test('only a version that jumped tells of somebody in between', () => {
  const at = (version: number) => ({ version, config: null });
  expect(wasOvertaken(at(4), 5)).toBe(false);
  expect(wasOvertaken(at(4), 6)).toBe(true);
  expect(wasOvertaken(at(0), 0)).toBe(false);
});
