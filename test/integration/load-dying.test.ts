/** Versions that die after they were healthy, that never live, and that will not die: each is its own deployment's trouble alone. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Berth, startBerth } from '../support/berth.ts';
import { containersOf } from '../support/docker.ts';
import { ECHO_APP, type Load, startLoad } from '../support/load.ts';
import { tinyImage } from '../support/tiny-image.ts';
import { until } from '../support/until.ts';

/** Longer than a version that is asked to die at once needs to be seen dead. */
const DRAIN = '10s';

/** Answers its version, dies when asked for `/die`, and then at each start. */
const MORTAL_APP = [
  'node',
  '-e',
  `const fs = require('node:fs');
   const die = () => { fs.writeFileSync('/tmp/died', ''); throw new Error('lived once, and never again'); };
   if (fs.existsSync('/tmp/died')) die();
   require('node:http').createServer((asked, answer) =>
     asked.url === '/die' ? die() : answer.end(process.env.VERSION)).listen(Number(process.env.PORT));`,
];

const STUBBORN_APP = ['node', '-e', `process.on('SIGTERM', () => {}); ${MORTAL_APP[2]}`];

let berth: Berth;
let load: Load;
let image = '';
let entries: Record<string, unknown> = {};

const change = (changes: Record<string, unknown>): Promise<string> => {
  entries = Object.fromEntries(
    Object.entries({ ...entries, ...changes }).filter(([, entry]) => entry !== null),
  );
  return berth.commit({ 'deployments.yaml': JSON.stringify({ deployments: entries }) });
};

const answers = (deployment: string, body: string): Promise<boolean> =>
  until(`${deployment} answers ${body}`, async () => {
    const answer = await berth.get(`${deployment}.localhost`).catch(() => undefined);
    return answer?.body === body;
  });

beforeAll(async () => {
  image = await tinyImage();
  berth = await startBerth({ BERTH_DRAIN: DRAIN });
  await change({
    lbeside: { image, start: ECHO_APP, env: { VERSION: 'beside' } },
    lmortal: { image, start: MORTAL_APP, env: { VERSION: 'v1' } },
    lstubborn: { image, start: STUBBORN_APP, env: { VERSION: 'stubborn' } },
  });
  await berth.converged();
  load = startLoad({ port: berth.settings.http.port, hostname: 'lbeside.localhost', clients: 4 });
});

afterAll(async () => {
  await load?.stop();
  await berth.tearDown();
});

test('a version that dies while the one before it still drains gives its visitors back, and that is said', async () => {
  const [old = ''] = await containersOf(berth.owner, 'lmortal');
  const began = berth.log.length;
  await change({ lmortal: { image, start: MORTAL_APP, env: { VERSION: 'v2' } } });
  // Until the switch is proven, an older worker of nginx may still lead to v1.
  await berth.until('the switch is proven', () =>
    berth.log.slice(began).some((line) => line.includes('vhost lmortal updated')),
  );
  await answers('lmortal', 'v2');
  const logged = berth.log.length;
  const died = performance.now();
  await berth.get('lmortal.localhost', '/die').catch(() => undefined);
  await answers('lmortal', 'v1');
  console.log(`the version before serves again ${Math.round(performance.now() - died)} ms after the death`);
  // The pass tells what it did when it ends, a little after nginx has done it.
  await berth.until('it is said', () =>
    berth.log.slice(logged).some((line) => line.includes(`vhost lmortal updated: leads to ${old}`)),
  );

  await berth.until('it is given up', () =>
    berth.log.slice(logged).some((line) => line.includes('given up')),
  );
  await berth.converged();
  expect(berth.status('lmortal')).toMatchObject({
    status: 'failed',
    error: expect.stringMatching(/^exited \d+ times: .*lived once, and never again/),
  });
  expect(await berth.get('lmortal.localhost')).toMatchObject({ status: 200, body: 'v1' });
});

test('a version that never lives is failed with its last lines', async () => {
  await change({ lstillborn: { image, start: ECHO_APP, env: { VERSION: 'v1', CRASH: 'yes' } } });
  await berth.until('it is given up', () => berth.status('lstillborn')?.status === 'failed');
  await berth.converged();
  expect(berth.status('lstillborn')?.error).toMatch(/^exited \d+ times: .*this version can not start/);
  expect(await berth.get('lstillborn.localhost')).toMatchObject({ status: 503 });
  expect(berth.status('lbeside')).toMatchObject({ status: 'running' });
});

test('an app that ignores SIGTERM delays no other deployment', async () => {
  const [stubborn] = await containersOf(berth.owner, 'lstubborn');
  await change({ lstubborn: null });
  await until('it was asked to stop', () =>
    berth.log.some((line) => line.includes(`${stubborn} asked to stop`)),
  );
  await change({ lquick: { image, start: ECHO_APP, env: { VERSION: 'quick' } } });
  await answers('lquick', 'quick GET ');
  expect(await containersOf(berth.owner, 'lstubborn')).toEqual([stubborn]);
  await berth.converged();
  expect(await containersOf(berth.owner, 'lstubborn')).toEqual([]);
});

test('none of that cost the app beside them one request', async () => {
  await load.stop();
  console.log(`beside dying versions: ${load.summary()}`);
  expect(load.failures).toEqual([]);
  expect(load.answered.GET).toBeGreaterThan(100);
});
