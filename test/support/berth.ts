/**
 * A whole controller for a test: the real one, on the real engine, nginx and git, in a data dir, with an owner, ports
 * and hostnames of its own. What it does goes through a counting step, so that a test can say "and then, nothing".
 */

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { openSession, type Session } from '../../controller/cli/session.ts';
import { runStep } from '../../controller/core/step.ts';
import type { Report } from '../../controller/loop/reconcile.ts';
import { type DeploymentStatus, isSettled, statusOf } from '../../controller/loop/status.ts';
import { startTriggers } from '../../controller/loop/triggers.ts';
import { initEmbedded } from '../../controller/manifest/config/embedded.ts';
import { readSettings, type Settings } from '../../controller/settings.ts';
import { freePort } from './free-port.ts';

const run = promisify(execFile);

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

export interface Berth {
  readonly owner: string;
  readonly settings: Settings;
  readonly dataDir: string;
  /** Environment for `node dist/main.js …` on the same data dir. */
  readonly env: NodeJS.ProcessEnv;
  /** Every effect since the start, in order. */
  readonly effects: readonly string[];
  readonly log: readonly string[];
  readonly session: Session;
  /** Writes files into the config repo (null removes one) and commits. Returns the commit. */
  commit(files: Readonly<Record<string, string | null>>): Promise<string>;
  git(...args: readonly string[]): Promise<string>;
  /** Waits until nothing is left to do, then proves that two further passes write nothing. */
  converged(): Promise<Report>;
  /** Waits for a report for which `when` holds. */
  until(what: string, when: (report: Report) => boolean, timeoutMs?: number): Promise<Report>;
  status(name: string): DeploymentStatus | undefined;
  get(hostname: string, path?: string, port?: number): Promise<Answer>;
  /** Ends the controller; containers and nginx go on, as they do for a user. */
  stop(): Promise<void>;
  /** A new controller on the same data dir, with these settings changed; undefined takes one away. */
  restart(changes?: Readonly<Record<string, string | undefined>>): Promise<void>;
  /** Empties the file, switches off what the controller has for itself, and proves that nothing of this owner is left. */
  tearDown(): Promise<void>;
}

/** Starts one. `env` are settings beside those that keep tests apart. */
export async function startBerth(env: Readonly<Record<string, string>> = {}): Promise<Berth> {
  const owner = `test-${randomBytes(4).toString('hex')}`;
  const dataDir = await mkdtemp(join(tmpdir(), `berth-${owner}-`));
  let all: Record<string, string | undefined> = {
    BERTH_DATA_DIR: dataDir,
    BERTH_OWNER: owner,
    BERTH_LISTEN: `127.0.0.1:${await freePort()}`,
    BERTH_HTTP: `127.0.0.1:${await freePort()}`,
    BERTH_DRAIN: '1s',
    BERTH_INTERVAL: '2s',
    BERTH_LOG: 'debug',
    BERTH_MAX_DELETIONS: '100',
    ...env,
  };
  const read = (): Settings => {
    const { settings: good, errors } = readSettings(all, dataDir);
    if (!good) throw new Error(errors.join('\n'));
    return good;
  };
  let settings = read();
  const effects: string[] = [];
  const log: string[] = [];
  const configDir = join(dataDir, 'config');
  const git = async (...args: readonly string[]): Promise<string> => {
    const who = ['-c', 'user.name=test', '-c', 'user.email=test@localhost'];
    return (await run('git', ['-C', configDir, ...who, ...args])).stdout.trim();
  };

  let session: Session;
  let stop: AbortController;
  let passes: Promise<void>;
  let isOpen = false;
  const open = async (): Promise<void> => {
    stop = new AbortController();
    session = await openSession(settings, {
      write: (line) => log.push(line.trimEnd()),
      step: (label, effect) => {
        effects.push(label);
        return effect();
      },
    });
    const { runner, real } = session;
    startTriggers(
      real,
      { intervalMs: settings.intervalMs, poke: runner.poke, log: session.log },
      stop.signal,
    );
    passes = runner.run(stop.signal);
    isOpen = true;
  };
  const close = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    stop.abort();
    await passes;
    await session.close();
  };
  const until: Berth['until'] = async (what, when, timeoutMs = 90_000) => {
    const deadline = performance.now() + timeoutMs;
    while (performance.now() < deadline) {
      const report = session.runner.last;
      if (report && when(report)) return report;
      await sleep(20);
    }
    throw new Error(`${what}: not within ${timeoutMs} ms\n${log.slice(-40).join('\n')}`);
  };
  const passTwice = async (): Promise<void> => {
    for (const turn of [1, 2]) {
      const last = session.runner.last;
      session.runner.poke(`test ${turn}`);
      await until('another pass', (report) => report !== last);
    }
  };
  // Not the example that a first start brings: it would be built, and its name may be in use here.
  await initEmbedded(configDir, { 'deployments.yaml': 'deployments: {}\n' }, runStep);
  await open();

  const berth: Berth = {
    ...{ owner, dataDir, effects, log, git, until },
    get settings() {
      return settings;
    },
    get env() {
      return { ...process.env, ...all };
    },
    get session() {
      return session;
    },
    async commit(files) {
      for (const [path, text] of Object.entries(files)) {
        const file = join(configDir, path);
        if (text === null) await rm(file, { recursive: true, force: true });
        else {
          await mkdir(dirname(file), { recursive: true });
          await writeFile(file, text);
        }
      }
      await git('add', '--all');
      await git('commit', '--quiet', '--allow-empty', '-m', 'test');
      return git('rev-parse', 'HEAD');
    },
    async converged() {
      const head = await git('rev-parse', 'HEAD');
      const settled = (report: Report): boolean =>
        isSettled(report) && (report.desired?.commit === head || fileIsBad(report));
      // The last report may be of a pass that looked before the test did what it did, and so may the one under way.
      await passTwice();
      await until('it comes to rest', settled);
      // What is told to GitHub follows a pass, and is no part of one.
      await session.real.github?.settle();
      const before = effects.length;
      await passTwice();
      const more = effects.slice(before);
      if (more.length > 0) throw new Error(`a pass with nothing to do wrote: ${more.join(', ')}`);
      return until('it is at rest', settled);
    },
    status: (name) => {
      const { last } = session.runner;
      return last && statusOf(last, session.real.backoff.errors()).find((status) => status.name === name);
    },
    get: (hostname, path = '/', port = settings.http.port) => get(port, hostname, path),
    stop: close,
    async restart(changes = {}) {
      await close();
      all = { ...all, ...changes };
      settings = read();
      await open();
    },
    async tearDown() {
      try {
        const hasOwn = settings.adminHost !== undefined || settings.cloudflare?.connector === 'container';
        if (hasOwn) await berth.restart({ BERTH_ADMIN_HOST: undefined, BERTH_CLOUDFLARED: undefined });
        else if (!isOpen) await open();
        await berth.commit({ 'deployments.yaml': 'deployments: {}\n' });
        await berth.converged();
        expectNothingLeft(await left(owner, dataDir));
      } finally {
        await close();
        await killNginx(dataDir);
        await sweep(owner);
        await rm(dataDir, { recursive: true, force: true });
      }
    },
  };
  return berth;
}

/** The file of the head is wrong, so an older commit stays in force. */
function fileIsBad({ desired }: Report): boolean {
  return desired?.problems.some(({ deployment }) => deployment === '') ?? false;
}

function get(port: number, hostname: string, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port, path, headers: { host: hostname }, agent: false },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            body: Buffer.concat(chunks).toString(),
            headers: answer.headers,
          }),
        );
      },
    );
    asked.setTimeout(10_000, () => asked.destroy(new Error('no answer within 10 s')));
    asked.on('error', reject);
    asked.end();
  });
}

/** Everything with this owner's mark that is on the machine, one line each. */
export async function left(owner: string, dataDir: string): Promise<readonly string[]> {
  const filter = ['--filter', `label=berth.owner=${owner}`, '--format'];
  const lists = await Promise.all([
    run('docker', ['ps', '-a', ...filter, 'container {{.Names}}']),
    run('docker', ['images', ...filter, 'image {{.Repository}}:{{.Tag}}']),
    run('docker', ['network', 'ls', ...filter, 'network {{.Name}}']),
    run('docker', ['volume', 'ls', ...filter, 'volume {{.Name}}']),
    run('sh', ['-c', 'ls -1 "$1/nginx/sites" "$1/logs" "$1/sources" 2>/dev/null || true', 'sh', dataDir]),
  ]);
  const found = lists
    .flatMap(({ stdout }) => stdout.split('\n'))
    .filter((line) => line.trim() !== '' && !line.endsWith(':') && !line.startsWith('00-berth-'));
  const state = JSON.parse(await readFile(join(dataDir, 'state.json'), 'utf8').catch(() => '{"ports":[]}'));
  const rows = [
    ...state.ports,
    ...(state.failures ?? []),
    ...(state.givenUp ?? []),
    ...Object.keys(state.removals ?? {}),
  ];
  return [...found, ...rows.map((row) => `state row ${JSON.stringify(row)}`)];
}

/** After a test that failed half-way, so that the next one does not meet its containers. */
async function sweep(owner: string): Promise<void> {
  const filter = ['--filter', `label=berth.owner=${owner}`];
  for (const [list, remove] of [
    [
      ['ps', '-aq'],
      ['rm', '-fv'],
    ],
    [
      ['network', 'ls', '-q'],
      ['network', 'rm'],
    ],
    [
      ['volume', 'ls', '-q'],
      ['volume', 'rm', '-f'],
    ],
    [
      ['images', '-q'],
      ['rmi', '-f'],
    ],
  ] as const) {
    const { stdout } = await run('docker', [...list, ...filter]);
    const ids = [...new Set(stdout.split('\n').filter((id) => id !== ''))];
    if (ids.length > 0) await run('docker', [...remove, ...ids]);
  }
}

function expectNothingLeft(found: readonly string[]): void {
  if (found.length > 0) throw new Error(`left behind:\n${found.join('\n')}`);
}

/** Managed nginx outlives its controller; a test's own is ended by the pid in its data dir. */
export async function killNginx(dataDir: string): Promise<void> {
  const pid = Number((await readFile(join(dataDir, 'nginx', 'nginx.pid'), 'utf8').catch(() => '0')).trim());
  if (pid > 1) process.kill(pid, 'SIGQUIT');
}
