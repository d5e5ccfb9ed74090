import { expect, test } from 'vitest';
import {
  all,
  readBlob,
  readBranch,
  readDeployment,
  readDeploymentStatus,
  readRepo,
  readStatus,
  readTree,
} from './shapes.ts';

const SHA = 'a'.repeat(40);

const NONSENSE = ['<html>', null, undefined, 7, [], {}, { message: 'x' }, [null], ['x']];

test('what is not of the shape is nothing', () => {
  for (const data of NONSENSE) {
    for (const read of [readRepo, readBranch, readTree, readBlob, readDeployment])
      expect(read(data)).toBeUndefined();
    expect(readStatus(data, 'berth')).toBeUndefined();
  }
  expect(all([{ name: 'main', commit: { sha: SHA } }, { name: 'dev' }], readBranch)).toBeUndefined();
});

test('a blob that is shorter than it says is none', () => {
  const content = 'aGVs\nbG8=\n';
  expect(readBlob({ content, encoding: 'base64', size: 5 })?.toString()).toBe('hello');
  expect(readBlob({ content, encoding: 'base64', size: 6 })).toBeUndefined();
  expect(readBlob({ content, encoding: 'utf-8', size: 5 })).toBeUndefined();
});

test('a tree must say whether it is whole', () => {
  const tree = [{ path: 'a', mode: '100644', sha: SHA, size: 1 }];
  expect(readTree({ tree, truncated: false })?.items).toHaveLength(1);
  expect(readTree({ tree })).toBeUndefined();
});

test('of the statuses only ours counts, whatever its case, and an error is a failure', () => {
  const status = (context: string, state: string) => ({
    context,
    state,
    description: null,
    target_url: null,
  });
  expect(readStatus({ statuses: [status('ci', 'success')] }, 'berth')).toBeNull();
  expect(readStatus({ statuses: [status('ci', 'x'), status('Berth', 'error')] }, 'berth')).toEqual({
    ...{ state: 'failure', description: '' },
  });
});

test('a deployment is ours by its payload, as a map or as text', () => {
  const row = { id: 1, sha: SHA, environment: 'blog' };
  const markOf = (payload: unknown) => readDeployment({ ...row, payload })?.mark;
  expect(markOf({ berth: 'b/blog' })).toBe('b/blog');
  expect(markOf('{"berth":"b/blog"}')).toBe('b/blog');
  for (const other of ['', 'null', '{', '[]', null, {}, { berth: 1 }, '{"__proto__":{"berth":"b/blog"}}'])
    expect(markOf(other)).toBe('');
  expect(readDeployment({ ...row, id: 2 ** 60 })).toBeUndefined();
});

test('a state that Berth never sets is as good as none', () => {
  expect(readDeploymentStatus([])).toBeNull();
  expect(readDeploymentStatus([{ state: 'queued' }, { state: 'success' }])).toBeNull();
  expect(readDeploymentStatus([{ state: 'success' }])).toEqual({ state: 'success', description: '' });
});
