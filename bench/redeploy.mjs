/**
 * Where the time of a redeploy goes: commits a new env value, and takes the time of each effect until nginx answers with
 * it. `node bench/redeploy.mjs [times]`, after `npm run build`; needs the engine, nginx, and an image with Node, which
 * the integration tests leave behind (or BENCH_IMAGE).
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSession } from '../dist/cli/session.js';
import { isSettled } from '../dist/loop/status.js';
import { startTriggers } from '../dist/loop/triggers.js';
import { readSettings } from '../dist/settings.js';

const TIMES = Number(process.argv[2] ?? 10);
const IMAGE = process.env.BENCH_IMAGE ?? `berth-test/node:${process.version}`;
const NAME = `xbench${process.pid}`;
const HTTP_PORT = 21_000 + (process.pid % 1000);

const dataDir = await mkdtemp(join(tmpdir(), 'berth-bench-'));
const { settings, errors } = readSettings(
  {
    BERTH_DATA_DIR: dataDir,
    BERTH_OWNER: NAME,
    BERTH_LISTEN: `127.0.0.1:${HTTP_PORT + 1000}`,
    BERTH_HTTP: `127.0.0.1:${HTTP_PORT}`,
    BERTH_DRAIN: '0s',
    BERTH_LOG: 'error',
  },
  dataDir,
);
if (!settings) throw new Error(errors.join('\n'));

/** Moments of the redeploy under way, by the first word of an effect's label. */
let moments = new Map();
const session = await openSession(settings, {
  step: async (label, effect) => {
    const [what] = label.split(' ');
    if (!moments.has(what)) moments.set(what, { from: performance.now() });
    const result = await effect();
    moments.get(what).to = performance.now();
    return result;
  },
});
const stop = new AbortController();
const { runner, real } = session;
startTriggers(real, { intervalMs: settings.intervalMs, poke: runner.poke, log: session.log }, stop.signal);
const passes = runner.run(stop.signal);

try {
  const rows = [];
  for (let turn = 0; turn <= TIMES; turn += 1) {
    const row = await redeploy(`v${turn}`);
    // The first is a first deployment, which has a network to make and nginx to start.
    if (turn > 0) rows.push(row);
  }
  const median = (name) => rows.map((row) => row[name]).sort((a, b) => a - b)[Math.floor(rows.length / 2)];
  const total = median('total');
  for (const name of Object.keys(rows[0] ?? {})) {
    const ms = median(name);
    console.log(
      `${name.padEnd(34)} ${ms.toFixed(0).padStart(6)} ms ${((ms / total) * 100).toFixed(0).padStart(4)} %`,
    );
  }
} finally {
  await commit('deployments: {}\n');
  await settled();
  stop.abort();
  await passes;
  await session.close();
  process.kill(Number(await readFile(join(dataDir, 'nginx', 'nginx.pid'), 'utf8')), 'SIGQUIT');
  await rm(dataDir, { recursive: true, force: true });
}

async function redeploy(word) {
  const app = `require('http').createServer((q, r) => r.end('${word}')).listen(process.env.PORT)`;
  const text = `deployments:\n  ${NAME}: { image: '${IMAGE}', start: [node, -e, "${app}"] }\n`;
  moments = new Map();
  const begun = performance.now();
  await commit(text);
  const committed = performance.now();
  while ((await answer()) !== word) await sleep(5);
  const served = performance.now();
  const [create, start, written] = ['engine.create', 'engine.start', 'nginx.write'].map((what) =>
    moments.get(what),
  );
  await settled();
  return {
    'git commit': committed - begun,
    'until the pass that makes it': create.from - committed,
    'engine: create': create.to - create.from,
    'engine: start': start.to - start.from,
    'until it answered twice': written.from - start.to,
    'nginx: write, reload, proven': served - written.from,
    total: served - begun,
  };
}

async function commit(text) {
  await writeFile(join(dataDir, 'config', 'deployments.yaml'), text);
  const who = ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost'];
  execFileSync('git', ['-C', join(dataDir, 'config'), ...who, 'commit', '-qam', 'bench']);
}

async function settled() {
  const head = execFileSync('git', ['-C', join(dataDir, 'config'), 'rev-parse', 'HEAD'])
    .toString()
    .trim();
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline) {
    if (runner.last?.desired?.commit === head && isSettled(runner.last)) return;
    await sleep(10);
  }
  throw new Error('it did not come to rest within 60 s');
}

function answer() {
  return new Promise((resolve) => {
    const headers = { host: `${NAME}.localhost` };
    const ask = request({ host: '127.0.0.1', port: HTTP_PORT, headers, agent: false }, async (response) =>
      resolve(Buffer.concat(await response.toArray()).toString()),
    );
    ask.on('error', () => resolve(''));
    ask.end();
  });
}
