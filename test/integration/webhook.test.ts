/** GitHub's webhook on the whole controller: what is pushed is live without waiting for the poll, however much is told at once. */
import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listen } from '../../controller/cli/listen.ts';
import type { Report } from '../../controller/loop/reconcile.ts';
import { dockerApp } from '../support/deploy-apps.ts';
import { type AppRepo, type DeployWorld, deployWorld } from '../support/deploy-world.ts';
import { delivery, pushOf, send } from '../support/github-deliveries.ts';
import { until } from '../support/until.ts';

const SECRET = 'canary-of-the-webhook-secret';

let world: DeployWorld;
let api: Server;
let url: string;
let blog: AppRepo;
const stop = new AbortController();

const version = (deployment: string): Promise<string> =>
  world.body(`${deployment}.localhost`).then(
    (body) => body.trim(),
    () => '',
  );
const live = (deployment: string, what: string, timeoutMs = 60_000): Promise<true> =>
  until(`${deployment} is ${what}`, async () => (await version(deployment)) === `${what} /`, timeoutMs);
const tell = (repo: AppRepo, after: string, ref = 'refs/heads/main') =>
  send(url, delivery(SECRET, 'push', pushOf({ repo: repo.url, after, ref })));
/** Lists of refs that were asked for: git asks for one before it fetches, too. */
const looksAt = (repo: AppRepo): number => {
  const path = new URL(repo.url).pathname;
  const asked = world.server.requests.filter((line) => line === `GET ${path}/info/refs`).length;
  return asked - world.berth.effects.filter((label) => label.startsWith(`git.fetch ${repo.url} `)).length;
};

beforeAll(async () => {
  world = await deployWorld({ BERTH_INTERVAL: '10m', GITHUB_WEBHOOK_SECRET: SECRET });
  const { settings, session } = world.berth;
  url = `http://${settings.listen.host}:${settings.listen.port}`;
  api = await listen(settings, session, stop.signal);
  blog = world.repo('cd-blog');
  blog.commit(dockerApp(world.image, 'v0'));
  await world.deploy({ 'cd-blog': { repo: blog.url } });
  await live('cd-blog', 'v0');
});

afterAll(async () => {
  stop.abort();
  api?.closeAllConnections();
  api?.close();
  await world?.end();
});

test('a push is live long before the next poll, and a push elsewhere is not looked at', async () => {
  const before = looksAt(blog);
  const dev = blog.commit(dockerApp(world.image, 'dev'), { branch: 'dev' });
  expect((await tell(blog, dev, 'refs/heads/dev')).status).toBe(202);
  const commit = blog.commit(dockerApp(world.image, 'v1'));
  expect((await tell({ ...blog, url: `${blog.url}-fork` }, commit)).status).toBe(202);
  expect((await tell(blog, '0'.repeat(40))).status).toBe(202);
  expect(looksAt(blog)).toBe(before);
  expect((await tell(blog, commit)).status).toBe(202);
  await live('cd-blog', 'v1');
  expect(looksAt(blog)).toBe(before + 1);
});

test('a delivery that comes before the commit can be seen is not in vain', async () => {
  const commit = blog.commit(dockerApp(world.image, 'v2'), { branch: 'elsewhere' });
  const before = looksAt(blog);
  await tell(blog, commit);
  await until('a look that comes too early', () => looksAt(blog) > before);
  blog.git('update-ref', 'refs/heads/main', commit);
  await live('cd-blog', 'v2', 40_000);
});

test('one that nobody signed changes nothing', async () => {
  const before = looksAt(blog);
  const commit = blog.commit(dockerApp(world.image, 'v3'));
  const forged = delivery('not the secret', 'push', pushOf({ repo: blog.url, after: commit }));
  expect((await send(url, forged)).status).toBe(401);
  expect(looksAt(blog)).toBe(before);
  await until('it is told', () => world.berth.log.some((line) => line.includes('not signed with')));
  await tell(blog, commit);
  await live('cd-blog', 'v3');
  expect(world.berth.log.join('\n')).not.toContain(SECRET);
});

/** Passes from now on, until asked. */
function countPasses(): () => number {
  const seen = new Set<Report | undefined>([world.berth.session.runner.last]);
  const timer = setInterval(() => seen.add(world.berth.session.runner.last), 2);
  return () => {
    clearInterval(timer);
    return seen.size - 1;
  };
}

/** A thousand deliveries, one every ten milliseconds; `next` gives the commit of each. Tells how long answers took. */
async function burst(
  next: (n: number) => string,
): Promise<{ readonly burstMs: number; readonly p99Ms: number }> {
  const took: number[] = [];
  const answers: Promise<void>[] = [];
  const begun = performance.now();
  for (let n = 0; n < 1000; n += 1) {
    const commit = next(n);
    const sent = performance.now();
    answers.push(
      tell(blog, commit).then(({ status }) => {
        took.push(performance.now() - sent);
        expect(status).toBe(202);
      }),
    );
    await sleep(Math.max(0, begun + n * 10 - performance.now()));
  }
  await Promise.all(answers);
  return { burstMs: performance.now() - begun, p99Ms: took.sort((a, b) => a - b)[989] ?? 0 };
}

test('a thousand deliveries in ten seconds are a handful of looks, and the last commit is live', async () => {
  const before = looksAt(blog);
  const passes = countPasses();
  const rows = world.berth.session.real.clients.store.state.passes.length;
  let commit = '';
  const { burstMs, p99Ms } = await burst((n) => {
    if (n % 40 === 0 || n === 999) commit = blog.commit(dockerApp(world.image, `burst${n}`));
    return commit;
  });
  await live('cd-blog', 'burst999');
  const looks = looksAt(blog) - before;
  const passed = passes();
  console.log(
    `1,000 deliveries of 26 commits in ${Math.round(burstMs)} ms: ${looks} looks, ${passed} passes with all roll-outs, p99 of the answers ${Math.round(p99Ms)} ms`,
  );
  expect(looks).toBeLessThanOrEqual(10);
  // The others are steps of the roll-outs, which engine, builder and probe ask for.
  const led = world.berth.session.real.clients.store.state.passes.slice(rows);
  expect(led.filter(({ trigger }) => /source|webhook/.test(trigger)).length).toBeLessThanOrEqual(looks);
  // Each version that a look finds is a roll-out, which takes some 15 passes, deliveries or not.
  expect(passed).toBeLessThanOrEqual(25 * looks);
  expect(burstMs).toBeLessThan(20_000);
  expect(p99Ms).toBeLessThan(1000);
  await world.berth.converged();
});

test('a thousand deliveries of what is known already are no pass at all', async () => {
  const before = looksAt(blog);
  const passes = countPasses();
  const commit = blog.git('rev-parse', 'main');
  const { burstMs, p99Ms } = await burst(() => commit);
  const looks = looksAt(blog) - before;
  const passed = passes();
  console.log(
    `1,000 deliveries of one commit in ${Math.round(burstMs)} ms: ${looks} looks, ${passed} passes, p99 of the answers ${Math.round(p99Ms)} ms`,
  );
  expect(looks).toBeLessThanOrEqual(10);
  expect(passed).toBeLessThanOrEqual(3);
});

test('one delivery over and over is one', async () => {
  const before = looksAt(blog);
  const commit = blog.commit(dockerApp(world.image, 'once'));
  const one = delivery(SECRET, 'push', pushOf({ repo: blog.url, after: commit }));
  for (let n = 0; n < 50; n += 1) expect((await send(url, one)).status).toBe(202);
  await live('cd-blog', 'once');
  expect(looksAt(blog) - before).toBe(1);
});
