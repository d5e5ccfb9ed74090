import { expect, test } from 'vitest';
import type { InstanceRow } from '../clients/engine/types.ts';
import { createProofs } from './instance-proof.ts';

const row: InstanceRow = {
  ...{ key: 'blog-web-3f9a1c02', id: '1', deployment: 'blog', service: 'web', hash: '3f9a1c02', image: 'i' },
  ...{ state: 'running', createdMs: 0, listen: 3000, routed: true },
  health: { intervalMs: 100, timeoutMs: 1000 },
};

test('an instance that this process made is proven by being ready once, never by its age', () => {
  const proofs = createProofs();
  proofs.made(row.key);
  expect(proofs.of(row, false, 1500)).toBe(false);
  expect(proofs.of(row, false, 100_000)).toBe(false);
  expect(proofs.of(row, true, 100_001)).toBe(true);
  expect(proofs.of(row, false, 100_002)).toBe(true);
});

test('one that is found is proven when it is older than the time it had to answer', () => {
  expect(createProofs().of(row, false, 1001)).toBe(true);
  const proofs = createProofs();
  expect(proofs.of(row, false, 900)).toBe(false);
  expect(proofs.of(row, false, 5000)).toBe(false);
});

test('what is gone is forgotten, so another of its name starts anew', () => {
  const proofs = createProofs();
  proofs.of(row, true, 10);
  proofs.keep([]);
  expect(proofs.of({ ...row, createdMs: 20 }, false, 30)).toBe(false);
});
