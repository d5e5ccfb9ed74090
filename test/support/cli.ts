/** `node dist/main.js …` as a process of its own, with all that it said. Call `buildDist` first. */
import { spawn } from 'node:child_process';
import { get } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { Berth } from './berth.ts';
import { until } from './until.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export interface CliEnd {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  readonly tookMs: number;
}

export interface CliOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Default `/`, where no `.env` is. */
  readonly cwd?: string;
}

export interface CliProcess {
  /** Both streams so far. */
  readonly said: () => string;
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly ended: Promise<CliEnd>;
  /** Waits until it said this, from `said().length` at some earlier time on. Fails with all it said. */
  saying(
    what: RegExp | string,
    options?: { readonly from?: number; readonly timeoutMs?: number },
  ): Promise<void>;
}

/** Starts a command and leaves it running. */
export function startCli(args: readonly string[], { env, cwd = '/' }: CliOptions): CliProcess {
  const begun = performance.now();
  const child = spawn(process.execPath, ['--enable-source-maps', MAIN, ...args], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err, said] = ['', '', ''];
  child.stdout.on('data', (chunk) => {
    out += chunk;
    said += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
    said += chunk;
  });
  const ended = new Promise<CliEnd>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err, tookMs: performance.now() - begun }));
  });
  return {
    said: () => said,
    kill: (signal) => child.kill(signal),
    ended,
    async saying(what, { from = 0, timeoutMs = 60_000 } = {}) {
      const has = (text: string): boolean =>
        typeof what === 'string' ? text.includes(what) : what.test(text);
      await until(`it says ${what}`, () => has(said.slice(from)), timeoutMs).catch((cause) => {
        throw new Error(`${cause.message}, but\n${said}`, { cause });
      });
    },
  };
}

/** Runs a command to its end. */
export function cli(args: readonly string[], options: CliOptions): Promise<CliEnd> {
  return startCli(args, options).ended;
}

export interface Health {
  readonly status: number;
  readonly ok: boolean;
  readonly reasons?: readonly string[];
}

/** `GET /healthz` of the controller with these settings; undefined while nothing answers. */
export function healthOf({ settings }: Pick<Berth, 'settings'>): Promise<Health | undefined> {
  const { host, port } = settings.listen;
  return new Promise((resolve, reject) => {
    get({ host, port, path: '/healthz', agent: false, timeout: 5000 }, async (answer) => {
      let text = '';
      for await (const chunk of answer) text += chunk;
      resolve({ status: answer.statusCode ?? 0, ...JSON.parse(text) });
    }).on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNREFUSED' ? resolve(undefined) : reject(error),
    );
  });
}
