import { describe, expect, test } from 'vitest';
import {
  deployment,
  image,
  instance,
  NEW,
  notYet,
  planned,
  RULES,
  service,
  vhost,
} from '../../test/support/plan-text.ts';
import { makePlan } from './plan.ts';

const W = instance(NEW);
const images = [image('new')];

test('makes come in the order of the kinds, with the reason of each', () => {
  const wants = deployment({ volumes: ['data'] });
  expect(planned({ wants, images: [], observed: { network: [] } }).lines).toEqual([
    '+ image berth/blog-web:new  commit 1a2b3c4',
    '+ network berth-blog  its services talk over it',
    '+ volume berth-blog-data  a service keeps files in it',
    `+ instance blog-web-${NEW}  new service (waits for its image)`,
    '+ vhost blog  blog.localhost shows the deploying page',
  ]);
});

test('deletes come last and in reverse', () => {
  const observed = {
    volume: [{ key: 'berth-blog-data', deployment: 'blog', state: 'archived' as const }],
    logs: [{ key: 'blog', deployment: 'blog' }],
  };
  const gone = 'its deployment left the file';
  expect(planned({ images, vhost: vhost([]), observed }).lines).toEqual([
    `- vhost blog  ${gone}`,
    `- volume berth-blog-data  ${gone}`,
    `- network berth-blog  ${gone}`,
    `- image berth/blog-web:new  ${gone}`,
    `- logs blog  ${gone} (everything else of it goes first)`,
  ]);
});

test('what a service needs has to be ready, not only there', () => {
  const wants = deployment({
    services: [service({ needs: ['db'] }), service({ name: 'db', routed: false })],
  });
  const { port: _, ...db } = instance(NEW, { service: 'db' });
  const at = (more: Partial<typeof db>) =>
    planned({
      ...{ wants, images: [...images, image('new', { service: 'db' })], vhost: vhost([], { of: wants }) },
      instances: [{ ...db, ...more }],
    }).lines;
  expect(at(notYet)).toContain(`+ instance blog-web-${NEW}  new service (waits for db)`);
  expect(at({})).toEqual([`+ instance blog-web-${NEW}  new service`]);
});

test('a container that was created and never started is started', () => {
  const created = { ...W, ...notYet, state: 'created' } as const;
  expect(planned({ wants: deployment(), images, instances: [created], vhost: vhost([]) }).lines).toEqual([
    `± instance blog-web-${NEW}  it is stopped and should run`,
  ]);
});

test('nothing that is stopping is touched', () => {
  const stopping = { ...W, ready: false, state: 'stopping' } as const;
  expect(planned({ images, instances: [stopping] }).lines).toContain(
    `- instance blog-web-${NEW}  its deployment left the file (it is stopping)`,
  );
  const suspend = deployment({ suspend: true });
  const asleep = { wants: suspend, images, vhost: vhost([], { of: suspend }) };
  expect(planned({ ...asleep, instances: [stopping] }).lines).toEqual([
    `± instance blog-web-${NEW}  its deployment is suspended (it is stopping)`,
  ]);
});

describe('not sure is not empty', () => {
  const unseen = { uncertain: 'the engine is down' };

  test.each(['image', 'network', 'volume', 'port', 'instance', 'vhost'])(
    'no %s could be seen: no plan',
    (kind) => {
      const scene = { images, instances: [W], vhost: vhost([W]), observed: { [kind]: unseen } };
      expect(planned({ ...scene, wants: deployment({ maxBody: '1m' }) }).lines).toEqual([]);
      expect(planned(scene).lines).toEqual([]);
    },
  );

  test('while logs can not be seen, entries are changed but none is taken apart', () => {
    const scene = { images, instances: [W], vhost: vhost([W]), observed: { logs: unseen } };
    expect(planned({ ...scene, wants: deployment({ maxBody: '1m' }) }).lines).toEqual([
      '± vhost blog  its text is not what the entry asks for',
    ]);
    const why = 'its deployment left the file (logs could not be read: the engine is down)';
    expect(planned(scene).lines).toEqual([
      `- vhost blog  ${why}`,
      `- instance blog-web-${NEW}  ${why}`,
      `- network berth-blog  ${why}`,
      `- image berth/blog-web:new  ${why}`,
    ]);
  });

  test('an entry that is wrong is left exactly as it is', () => {
    const desired = { commit: 'c', deployments: [], stalled: new Set(['blog']), problems: [] };
    const seen = { image: images, network: [], volume: [], port: [], instance: [W], vhost: [] };
    const { actions, wanted } = makePlan([], desired, seen, RULES);
    expect(actions).toEqual([]);
    expect([...wanted.frozen]).toEqual([['blog', 'its entry in the file is wrong']]);
  });
});

test('a pinned port that someone else holds is no listener of nginx until it is free', () => {
  const wants = deployment({ services: [service({ pinnedPort: 5000 })] });
  const desired = { commit: 'c', deployments: [wants], stalled: new Set<string>(), problems: [] };
  const seen = { image: images, network: [], volume: [], port: [], instance: [W], vhost: [] };
  const pinned = (busy: readonly number[]) =>
    makePlan([], desired, seen, { ...RULES, busyPorts: new Set(busy) }).wanted.vhosts[0]?.pinned;
  expect(pinned([5000])).toEqual([]);
  expect(pinned([])).toEqual([{ port: 5000, service: 'web' }]);
});
