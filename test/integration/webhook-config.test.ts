/** A config repo elsewhere: a commit of it is in force as soon as it is told of, though the poll is minutes away. */
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listen } from '../../controller/cli/listen.ts';
import { type Berth, startBerth } from '../support/berth.ts';
import { fileOf, suspended } from '../support/entries.ts';
import { type GitServer, startGitServer } from '../support/git-server.ts';
import { delivery, pushOf, send } from '../support/github-deliveries.ts';
import { head, rawRequest } from '../support/raw-http.ts';
import { tinyImage } from '../support/tiny-image.ts';
import { until } from '../support/until.ts';

const SECRET = 'canary-of-the-webhook-secret';

let root: string;
let server: GitServer;
let berth: Berth;
let api: Server;
let image: string;
const stop = new AbortController();

const tell = (after: string, ref = 'refs/heads/main') => {
  const { host, port } = berth.settings.listen;
  const push = pushOf({ repo: `${server.url}/config`, after, ref });
  return send(`http://${host}:${port}`, delivery(SECRET, 'push', push));
};
const inForce = (commit: string) =>
  berth.until('the commit is in force', ({ desired }) => desired?.commit === commit);

beforeAll(async () => {
  image = await tinyImage();
  root = await mkdtemp(join(tmpdir(), 'berth-webhook-'));
  server = await startGitServer(root);
  berth = await startBerth({
    BERTH_CONFIG_REPO: `${server.url}/config`,
    BERTH_INTERVAL: '10m',
    BERTH_PORTS: '7700-7749',
    GITHUB_WEBHOOK_SECRET: SECRET,
  });
  // The other side of the remote is the repo that the test commits to.
  await symlink(join(berth.dataDir, 'config', '.git'), join(root, 'config'));
  api = await listen(berth.settings, berth.session, stop.signal);
  await inForce(await berth.git('rev-parse', 'HEAD'));
});

/** The last commit is nobody's push, and the poll is minutes away. */
async function pollInItsStead(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await berth.session.real.config.poll(signal).catch(() => undefined);
    berth.session.runner.poke('test poll');
    await sleep(200);
  }
}

afterAll(async () => {
  stop.abort();
  api?.closeAllConnections();
  api?.close();
  const over = new AbortController();
  const polling = pollInItsStead(over.signal);
  try {
    await berth?.tearDown();
  } finally {
    over.abort();
    await polling;
    await server.close();
    await rm(root, { recursive: true, force: true });
  }
});

test('a commit that is told of is in force', async () => {
  const commit = await berth.commit({ 'deployments.yaml': fileOf(suspended('cd-conf', image)) });
  expect((await tell(commit)).status).toBe(202);
  await inForce(commit);
  await until('its page is there', async () => (await berth.get('cd-conf.localhost')).status === 503);
});

test('a push to another branch, or of somebody else, is not even looked at', async () => {
  const before = server.requests.length;
  expect((await tell('a'.repeat(40), 'refs/heads/other')).status).toBe(202);
  expect((await tell('0'.repeat(40))).status).toBe(202);
  expect(server.requests.length).toBe(before);
});

test('a remote that lags or fails is asked again', async () => {
  server.fault = 'server error';
  const commit = await berth.commit({
    'deployments.yaml': fileOf(suspended('cd-conf', image), suspended('cd-late', image)),
  });
  const before = server.requests.length;
  await tell(commit);
  await until('a look that failed', () => server.requests.length > before);
  server.fault = undefined;
  await inForce(commit);
  expect(berth.log.join('\n')).not.toContain(SECRET);
});

test('headers beyond all measure are refused', async () => {
  const { port } = berth.settings.listen;
  const { answer, closed } = rawRequest(port, head({ 'x-hub-signature-256': 'x'.repeat(20_000) }));
  expect((await answer)?.status).toBe(431);
  await closed;
});
