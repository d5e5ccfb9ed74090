import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runStep } from '../core/step.ts';
import { type Approvals, createApprovals } from './approvals.ts';

const COMMIT = '8cbdaaa8582784ebe655f6339b6b2a034bc13c7e';
const OTHER = `${COMMIT.slice(1)}0`;

let dir: string;
let approvals: Approvals;
const approved = async () => [...(await approvals.read())].sort();

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'berth-approvals-'));
  approvals = createApprovals(join(dir, 'approved'), runStep);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('nothing is approved until someone does, and then what several commits were approved for', async () => {
  expect(await approved()).toEqual([]);
  await approvals.write(COMMIT, ['a', 'b']);
  await approvals.write(OTHER, ['c']);
  expect(await approved()).toEqual(['a', 'b', 'c']);
});

test('a name that is not going any more loses its approval while the others keep theirs', async () => {
  await approvals.write(COMMIT, ['a', 'b', 'c']);
  await approvals.expire(new Set(['a', 'b', 'c', 'd']));
  expect(await approved()).toEqual(['a', 'b', 'c']);
  await approvals.expire(new Set(['b', 'd']));
  expect(await approved()).toEqual(['b']);
  await approvals.expire(new Set(['a', 'd']));
  expect(await approved()).toEqual([]);
  expect(readdirSync(join(dir, 'approved'))).toEqual([]);
});

test('a file that is not ours, or broken, approves nothing', async () => {
  await approvals.write(COMMIT, ['a']);
  writeFileSync(join(dir, 'approved', `${COMMIT}.json`), '{"deployments":["a"');
  writeFileSync(join(dir, 'approved', 'notes.json'), '{"deployments":["b"]}');
  expect(await approved()).toEqual([]);
});
