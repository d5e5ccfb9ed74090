import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  deployment,
  image,
  instance,
  NEW,
  OLD,
  planned,
  RULES,
  service,
} from '../../test/support/plan-text.ts';
import { makePlan } from './plan.ts';
import { createAllocator } from './ports.ts';

test('the lowest free port of the range, each once, then none', () => {
  const allocate = createAllocator({ first: 3000, last: 3003 }, [3001, 80, 4000]);
  expect([allocate(), allocate(), allocate(), allocate()]).toEqual([3000, 3002, 3003, undefined]);
});

test('whatever is taken, ports are inside the range, free, ascending and all handed out', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 2990, max: 3030 })), fc.nat(30), (taken, width) => {
      const allocate = createAllocator({ first: 3000, last: 3000 + width }, taken);
      const got: number[] = [];
      for (let port = allocate(); port !== undefined; port = allocate()) got.push(port);
      const free = Array.from({ length: width + 1 }, (_, index) => 3000 + index);
      expect(got).toEqual(free.filter((port) => !taken.includes(port)));
    }),
  );
});

const images = [image('new')];

function failure(scene: Parameters<typeof planned>[0]): string | undefined {
  return planned({ images, ...scene }).verdict?.error;
}

test('a range without a free port is told with the fix, and creates nothing', () => {
  const rules = {
    ports: { first: 3000, last: 3001 },
    busyPorts: new Set([3000]),
    nginxPorts: new Set([3001]),
  };
  const { lines } = planned({ wants: deployment(), images, rules });
  expect(lines).toContain(
    `+ instance blog-web-${NEW}  new service (no port is free in 3000-3001: widen BERTH_PORTS)`,
  );
  expect(failure({ wants: deployment(), rules })).toBe('no port is free in 3000-3001: widen BERTH_PORTS');
});

test('a pinned port that another process holds is named, and kept out of the vhost until it is free', () => {
  const wants = deployment({ services: [service({ pinnedPort: 5000 })] });
  const taken = { busyPorts: new Set([5000]) };
  expect(failure({ wants, rules: taken })).toMatch(
    /^port 5000 is taken by another process: stop that process/,
  );
  expect(failure({ wants, rules: { nginxPorts: new Set([5000]) } })).toBeUndefined();
});

test('the pinned port of an internal service is its own as long as it holds it', () => {
  const wants = deployment({
    services: [service({ routed: false, pinnedPort: 5000 })],
    routes: [],
    hostnames: [],
  });
  const busy = { busyPorts: new Set([5000]) };
  expect(failure({ wants })).toBeUndefined();
  expect(failure({ wants, rules: busy })).toMatch(/^port 5000 is taken/);
  expect(failure({ wants, rules: busy, instances: [instance(NEW, { port: 5000 })] })).toBeUndefined();
});

test.each([
  ['the port that is reserved for it, though a lower one is free', {}, '3007'],
  ['another one when a process took that', { busyPorts: new Set([3007]) }, '3000'],
  ['another one when some nginx took that', { nginxPorts: new Set([3007]) }, '3000'],
])('an instance that is made again gets %s', (_, taken, port) => {
  const row = { deployment: 'blog', service: 'web', instance: `blog-web-${NEW}`, port: 3007, key: '3007' };
  const wants = deployment();
  const desired = { commit: 'c', deployments: [wants], stalled: new Set<string>(), problems: [] };
  const { wanted } = makePlan(
    [],
    desired,
    { image: images, network: [], volume: [], port: [row], instance: [], vhost: [] },
    { ...RULES, ...taken },
  );
  expect(wanted.instances.map((want) => String(want.port))).toEqual([port]);
});

test('an instance that has to wait for its image holds no port yet', () => {
  const desired = { commit: 'c', deployments: [deployment()], stalled: new Set<string>(), problems: [] };
  const nothing = { image: [], network: [], volume: [], port: [], instance: [], vhost: [] };
  expect(makePlan([], desired, nothing, RULES).wanted.ports).toEqual([]);
});

test.each([
  ['an instance that a lost registry does not name', [instance(OLD)], service()],
  ['a service that pinned it', [], service({ pinnedPort: 3000 })],
])('no new instance gets the port of %s', (_, instances, web) => {
  const desired = {
    ...{
      commit: 'c',
      deployments: [deployment({ services: [web] })],
      stalled: new Set<string>(),
      problems: [],
    },
  };
  const seen = { image: images, network: [], volume: [], port: [], instance: instances, vhost: [] };
  expect(makePlan([], desired, seen, RULES).wanted.instances.map(({ port }) => port)).toEqual([3001]);
});
