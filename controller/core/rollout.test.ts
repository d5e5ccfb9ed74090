/** DESIGN §7's rollout table as plan text: a row of it is a test, W is blog-web-bbbbbbbb, S is blog-web-aaaaaaaa. */
import { expect, test } from 'vitest';
import {
  deployment,
  image,
  instance,
  NEW,
  notYet,
  OLD,
  planned,
  type Scene,
  service,
  vhost,
} from '../../test/support/plan-text.ts';

const S = instance(OLD);
const W = instance(NEW);
const serving = { wants: deployment(), instances: [S], vhost: vhost([S]) };

const ROWS: readonly (readonly [string, Scene, readonly string[]])[] = [
  [
    'its image is missing: it is built, S goes on',
    { ...serving, images: [image('old')] },
    [
      '+ image berth/blog-web:new  commit 1a2b3c4',
      `+ instance blog-web-${NEW}  new version (waits for its image)`,
    ],
  ],
  [
    'its image is being built: nothing is started twice',
    { ...serving, images: [image('old'), image('new', { state: 'building' })] },
    [
      '+ image berth/blog-web:new  commit 1a2b3c4 (is under way)',
      `+ instance blog-web-${NEW}  new version (waits for its image)`,
    ],
  ],
  [
    'its build failed: nothing',
    { ...serving, images: [image('old'), image('new', { state: 'failed' })] },
    [],
  ],
  ['its image is there: W is created beside S', serving, [`+ instance blog-web-${NEW}  new version`]],
  [
    'W has to wait for what it needs',
    {
      ...serving,
      wants: deployment({ services: [service({ needs: ['db'] }), service({ name: 'db', routed: false })] }),
    },
    [
      '+ image berth/blog-db:new  commit 1a2b3c4',
      `+ instance blog-db-${NEW}  new service (waits for its image)`,
      `+ instance blog-web-${NEW}  new version (waits for db)`,
    ],
  ],
  [
    'W does not answer yet: wait',
    { ...serving, instances: [S, { ...W, ...notYet }] },
    [`± instance blog-web-${NEW}  it has to answer (waits until it answers)`],
  ],
  [
    'W is out of time: it is stopped, S goes on',
    { ...serving, instances: [S, { ...W, ...notYet, sinceMs: 60_001 }] },
    [`± instance blog-web-${NEW}  was not ready within 60 s: connection refused`],
  ],
  [
    'W exited again and again: it is stopped, S goes on',
    {
      ...serving,
      instances: [S, { ...W, ...notYet, state: 'restarting', restarts: 5, detail: 'exited with code 3' }],
    },
    [`± instance blog-web-${NEW}  exited 5 times: exited with code 3`],
  ],
  [
    'W was given up: it is kept for its logs, nothing is done',
    { ...serving, instances: [S, { ...W, ...notYet, state: 'exited', gaveUp: 'exited 5 times' }] },
    [],
  ],
  [
    'W is ready: the vhost is pointed at it, S stays for now',
    { ...serving, instances: [S, W] },
    [`± vhost blog  leads to blog-web-${NEW}`],
  ],
  [
    'W is written into the vhost, but nginx does not run it: S stays',
    { ...serving, instances: [S, W], vhost: vhost([W], { liveForMs: 0 }) },
    [`- instance blog-web-${OLD}  replaced by blog-web-${NEW} (nginx has to run the new vhost first)`],
  ],
  [
    'W is served since less than the drain time: S drains',
    { ...serving, instances: [S, W], vhost: vhost([W], { liveForMs: 29_999 }) },
    [`- instance blog-web-${OLD}  replaced by blog-web-${NEW} (drains)`],
  ],
  [
    'S has drained, but a worker of nginx still sends to it',
    { ...serving, instances: [S, W], vhost: vhost([W], { liveForMs: 59_999, oldWorkers: true }) },
    [`- instance blog-web-${OLD}  replaced by blog-web-${NEW} (an older nginx worker still sends to it)`],
  ],
  [
    'a worker that outlives its time holds nothing up',
    { ...serving, instances: [S, W], vhost: vhost([W], { liveForMs: 60_000, oldWorkers: true }) },
    [`- instance blog-web-${OLD}  replaced by blog-web-${NEW}`],
  ],
  [
    'S has drained: it goes',
    { ...serving, instances: [S, W], vhost: vhost([W], { liveForMs: 30_000 }) },
    [`- instance blog-web-${OLD}  replaced by blog-web-${NEW}`],
  ],
  [
    'W was served and died while S drains: back to S',
    {
      ...serving,
      instances: [S, { ...W, ready: false, state: 'restarting', sinceMs: 0 }],
      vhost: vhost([W], { liveForMs: 9 }),
    },
    [
      `± instance blog-web-${NEW}  it has to answer (waits until it answers)`,
      `± vhost blog  leads to blog-web-${OLD}`,
    ],
  ],
  [
    'W answered once, hangs for longer than its time, and S answers: W is stopped',
    { ...serving, instances: [S, { ...W, ready: false, detail: 'refused', sinceMs: 60_001 }] },
    [`± instance blog-web-${NEW}  was not ready within 60 s: refused`],
  ],
  [
    'W answered once, hangs for longer than its time, and nothing else is there: it may come back',
    {
      ...serving,
      instances: [{ ...W, ready: false, detail: 'refused', sinceMs: 60_001 }],
      vhost: vhost([W]),
    },
    [`± instance blog-web-${NEW}  it has to answer (waits until it answers)`],
  ],
  [
    'one of two replicas died: it stays in the vhost, since it comes back',
    {
      wants: deployment({ services: [service({ replicas: 2 })] }),
      instances: [
        { ...W, key: `${W.key}-1` },
        { ...W, key: `${W.key}-2`, port: 3002, ready: false, state: 'restarting', sinceMs: 0 },
      ],
      vhost: vhost([
        { ...W, key: `${W.key}-1` },
        { ...W, key: `${W.key}-2`, port: 3002 },
      ]),
    },
    [`± instance blog-web-${NEW}-2  it has to answer (waits until it answers)`],
  ],
  [
    'W died and nothing else is there: it stays in the vhost, since it comes back',
    { ...serving, instances: [{ ...W, ready: false, state: 'restarting', sinceMs: 0 }], vhost: vhost([W]) },
    [`± instance blog-web-${NEW}  it has to answer (waits until it answers)`],
  ],
  [
    'W was given up and nothing else is there: nobody is led to it',
    {
      ...serving,
      instances: [{ ...W, ...notYet, state: 'exited', gaveUp: 'exited 5 times' }],
      vhost: vhost([W]),
    },
    ['± vhost blog  nothing answers'],
  ],
  [
    'of two older versions that answer, visitors stay with the one that they are led to',
    { ...serving, instances: [S, instance('cccccccc', { port: 3004 }), { ...W, ...notYet }] },
    [
      `± instance blog-web-${NEW}  it has to answer (waits until it answers)`,
      `- instance blog-web-cccccccc  replaced by blog-web-${NEW}`,
    ],
  ],
  [
    'the vhost was removed by hand, W answered before and was not asked yet: it is led to',
    { wants: deployment(), instances: [{ ...W, ready: false, sinceMs: 0 }] },
    [
      `± instance blog-web-${NEW}  it has to answer (waits until it answers)`,
      `+ vhost blog  blog.localhost leads to blog-web-${NEW}`,
    ],
  ],
  [
    'the vhost was removed by hand, and W has never answered: the page',
    { wants: deployment(), instances: [{ ...W, ready: false, proven: false, sinceMs: 0 }] },
    [
      `± instance blog-web-${NEW}  it has to answer (waits until it answers)`,
      '+ vhost blog  blog.localhost shows the deploying page',
    ],
  ],
  [
    'S was given up but has not stopped yet: nobody is led to it any more',
    {
      ...serving,
      instances: [
        { ...S, ...notYet, gaveUp: 'was not ready' },
        { ...W, ...notYet },
      ],
    },
    [
      `± instance blog-web-${NEW}  it has to answer (waits until it answers)`,
      `- instance blog-web-${OLD}  replaced by blog-web-${NEW}`,
      '± vhost blog  shows the deploying page',
    ],
  ],
  [
    'W is served, so it answered once, even if a restarted controller has not seen that: it may come back',
    { ...serving, instances: [{ ...W, ...notYet, sinceMs: 60_001 }], vhost: vhost([W]) },
    [`± instance blog-web-${NEW}  it has to answer (waits until it answers)`],
  ],
  [
    'W was stopped by hand: it is started',
    { ...serving, instances: [{ ...W, ready: false, state: 'exited', sinceMs: 0 }], vhost: vhost([W]) },
    [`± instance blog-web-${NEW}  it is stopped and should run`],
  ],
  [
    'S was removed by hand while W is not ready: the deploying page',
    { ...serving, instances: [{ ...W, ...notYet }] },
    [
      `± instance blog-web-${NEW}  it has to answer (waits until it answers)`,
      '± vhost blog  shows the deploying page',
    ],
  ],
  [
    'the vhost was removed by hand: it is put back to what served',
    { ...serving, images: [image('old')], instances: [S], vhost: undefined },
    [
      '+ image berth/blog-web:new  commit 1a2b3c4',
      `+ instance blog-web-${NEW}  new version (waits for its image)`,
      `+ vhost blog  blog.localhost leads to blog-web-${OLD}`,
    ],
  ],
  [
    'S was given up and W is coming: S goes',
    {
      ...serving,
      instances: [
        { ...S, ...notYet, state: 'exited', gaveUp: 'exited 5 times' },
        { ...W, ...notYet },
      ],
    },
    [
      `± instance blog-web-${NEW}  it has to answer (waits until it answers)`,
      `- instance blog-web-${OLD}  replaced by blog-web-${NEW}`,
      '± vhost blog  shows the deploying page',
    ],
  ],
  [
    'S does not answer, but did before, and W does not yet: S stays as a spare',
    {
      ...serving,
      instances: [
        { ...S, ready: false, detail: 'refused' },
        { ...W, ...notYet },
      ],
      vhost: vhost([]),
    },
    [`± instance blog-web-${NEW}  it has to answer (waits until it answers)`],
  ],
  [
    'S never answered, and W is coming: S goes',
    {
      ...serving,
      instances: [
        { ...S, ...notYet },
        { ...W, ...notYet },
      ],
      vhost: vhost([]),
    },
    [
      `± instance blog-web-${NEW}  it has to answer (waits until it answers)`,
      `- instance blog-web-${OLD}  replaced by blog-web-${NEW}`,
    ],
  ],
  [
    'S is dead and W is served: S goes without draining',
    {
      ...serving,
      instances: [{ ...S, ready: false, state: 'restarting' }, W],
      vhost: vhost([W], { liveForMs: 9 }),
    },
    [`- instance blog-web-${OLD}  replaced by blog-web-${NEW}`],
  ],
  [
    'suspend: first the page',
    { ...serving, wants: deployment({ suspend: true }), instances: [W], vhost: vhost([W]) },
    ['± vhost blog  shows the stopped page'],
  ],
  [
    'suspend: then W stops',
    {
      wants: deployment({ suspend: true }),
      instances: [W],
      vhost: vhost([], { of: deployment({ suspend: true }) }),
    },
    [`± instance blog-web-${NEW}  its deployment is suspended`],
  ],
  [
    'entry gone: vhost, then container; the rest waits for it',
    { instances: [W], images: [image('new')], vhost: vhost([W]) },
    [
      '- vhost blog  its deployment left the file',
      `- instance blog-web-${NEW}  its deployment left the file`,
      '- network berth-blog  its deployment left the file (its containers go first)',
      '- image berth/blog-web:new  its deployment left the file (its containers go first)',
    ],
  ],
  [
    'recreate: the page first, and S runs on',
    { ...serving, wants: deployment({ services: [service({ strategy: 'recreate' })] }) },
    [
      `+ instance blog-web-${NEW}  new version (the older version stops first)`,
      '± vhost blog  shows the deploying page',
    ],
  ],
  [
    'recreate: then S stops',
    { ...serving, wants: deployment({ services: [service({ strategy: 'recreate' })] }), vhost: vhost([]) },
    [
      `± instance blog-web-${OLD}  stops so that the new version can start`,
      `+ instance blog-web-${NEW}  new version (the older version stops first)`,
    ],
  ],
  [
    'recreate: then W is created',
    {
      ...serving,
      wants: deployment({ services: [service({ strategy: 'recreate' })] }),
      instances: [{ ...S, state: 'exited', ready: false }],
      vhost: vhost([]),
    },
    [`+ instance blog-web-${NEW}  new version`],
  ],
  [
    'recreate: the older one stays until every instance of W answers',
    {
      ...serving,
      wants: deployment({ services: [service({ strategy: 'recreate', replicas: 2 })] }),
      instances: [
        { ...S, state: 'exited', ready: false },
        { ...W, key: `${W.key}-1` },
      ],
      vhost: vhost([{ ...W, key: `${W.key}-1` }]),
    },
    [`+ instance blog-web-${NEW}-2  new version`],
  ],
  [
    'recreate: the new version fails, so the older one starts again',
    {
      ...serving,
      wants: deployment({ services: [service({ strategy: 'recreate' })] }),
      instances: [
        { ...S, state: 'exited', ready: false },
        { ...W, ...notYet, state: 'exited', gaveUp: 'exited 5 times' },
      ],
      vhost: vhost([]),
    },
    [`± instance blog-web-${OLD}  serves, since the new version can not`],
  ],
  [
    'a strategy that became recreate on the way: nginx lets go of S before it stops',
    {
      ...serving,
      wants: deployment({ services: [service({ strategy: 'recreate' })] }),
      instances: [S, { ...W, ...notYet }],
    },
    [
      `± instance blog-web-${NEW}  it has to answer (waits until it answers)`,
      '± vhost blog  shows the deploying page',
    ],
  ],
];

test.each(ROWS)('%s', (_, scene, lines) => {
  expect([...planned(scene).lines].sort()).toEqual([...lines].sort());
});
