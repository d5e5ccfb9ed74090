import { expect, test } from 'vitest';
import { checkEntries } from './entries.ts';

const rules = {
  file: 'deployments.yaml',
  domain: 'localhost',
  reservedHosts: [],
  reservedPorts: [],
  ports: { first: 3000, last: 3999 },
  gitAllow: [],
};

test('B30 an entry that makes the code throw stalls alone, and its content is not told', () => {
  const bad = {
    image: 'nginx',
    get replicas(): number {
      throw new RangeError('hunter2');
    },
  };
  const around = { rules, domain: 'localhost', root: null, targets: new Map(), shape: [] };
  const { deployments, findings } = checkEntries({ bad, good: { image: 'nginx' } }, around);
  expect(deployments.map(({ name }) => name)).toEqual(['good']);
  expect(findings).toEqual([
    {
      deployment: 'bad',
      path: ['deployments', 'bad'],
      offset: 0,
      message: 'could not be checked (internal RangeError); please report this entry',
    },
  ]);
});
