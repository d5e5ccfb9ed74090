import { describe, expect, it } from 'vitest';
import { oidsOf, parseRefs, resolveRef } from './refs.ts';

const [one, two, three] = ['1'.repeat(40), '2'.repeat(40), '3'.repeat(40)];
const text = [
  'ref: refs/heads/main\tHEAD',
  `${one}\tHEAD`,
  `${one}\trefs/heads/main`,
  `${two}\trefs/heads/v1`,
  `${three}\trefs/tags/v1`,
  `${one}\trefs/tags/v1^{}`,
  'nonsense',
].join('\n');

describe('refs of a remote', () => {
  const refs = parseRefs(text);

  it('give the default branch, a branch, a peeled tag and a whole commit', () => {
    expect(refs.head).toBe('refs/heads/main');
    expect(resolveRef('r', {}, refs)).toBe(one);
    expect(resolveRef('r', { branch: 'v1' }, refs)).toBe(two);
    expect(resolveRef('r', { tag: 'v1' }, refs)).toBe(one);
    expect(resolveRef('r', { commit: three }, refs)).toBe(three);
  });

  it('tell which objects a branch or tag stands at, the tag itself among them', () => {
    expect(oidsOf({ tag: 'v1' }, refs)).toEqual([three, one]);
    expect(oidsOf({ branch: 'v1' }, refs)).toEqual([two]);
    expect(new Set(oidsOf({}, refs))).toEqual(new Set([one]));
    expect(oidsOf({ commit: one }, refs)).toEqual([]);
    expect(oidsOf({ branch: 'constructor' }, refs)).toEqual([]);
  });

  it('name what exists when something is missing', () => {
    expect(() => resolveRef('r', { branch: '__proto__' }, refs)).toThrow(
      'has no branch "__proto__"; there is main, v1',
    );
    expect(() => resolveRef('r', { commit: one.toUpperCase().replace(/1/g, 'A') }, refs)).toThrow(
      '40 hex digits',
    );
    expect(() => resolveRef('r', {}, parseRefs(`${one}\trefs/heads/dev`))).toThrow('no default branch');
  });

  it('that are none at all are not taken for an answer', () => {
    expect(() => resolveRef('r', { branch: 'main' }, parseRefs('<html>'))).toThrow('shows no branches');
  });
});
