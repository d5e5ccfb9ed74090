import { expect, it } from 'vitest';
import { freeSubnets } from './subnets.ts';

const first = (engine: string[], machine: string[] = []) => freeSubnets(engine, machine).next().value;

it('gives the lowest /26 of the pool first', () => {
  expect([...freeSubnets([], [])].slice(0, 2)).toEqual(['10.213.0.0/26', '10.213.0.64/26']);
});

it('has 1,024 of them, and no two overlap', () => {
  const all = [...freeSubnets([], [])];
  expect(new Set(all).size).toBe(1024);
  expect(all.at(-1)).toBe('10.213.255.192/26');
});

it('skips what any network uses, wider or narrower', () => {
  expect(first(['10.213.0.0/26'])).toBe('10.213.0.64/26');
  expect(first(['10.213.0.0/24'])).toBe('10.213.1.0/26');
  expect(first(['10.213.0.70/32', '10.213.0.0/28'])).toBe('10.213.0.128/26');
});

it('skips the networks of this machine', () => {
  expect(first([], ['10.213.0.9/25'])).toBe('10.213.0.128/26');
});

it('has nothing left where a network of the engine covers the pool', () => {
  expect(first(['10.0.0.0/8'])).toBeUndefined();
});

it('is narrower than a network of this machine that covers the pool', () => {
  expect(first([], ['10.1.2.3/8'])).toBe('10.213.0.0/26');
});

it('does not mind IPv6 and other addresses', () => {
  expect(first(['fd00::/64', '172.17.0.0/16'], ['::1/128', '127.0.0.1/8'])).toBe('10.213.0.0/26');
});
