/** The controller as a user runs it: a process of its own, that can be killed at any moment. Only its own pid is ever signalled. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { distUrl } from './dist.ts';
import { until } from './until.ts';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ControllerProcess {
  readonly pid: number;
  /** What it printed, on both streams. */
  readonly lines: readonly string[];
  readonly ended: Promise<Ended>;
  /** Resolves with the first line that holds these words; throws when it ended without. */
  said(words: string, timeoutMs?: number): Promise<string>;
  /** SIGKILL, or another signal; resolves once it is gone. */
  kill(signal?: 'SIGKILL' | 'SIGTERM'): Promise<Ended>;
}

export interface ProcessOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Its working directory, where it looks for a `.env`. */
  readonly cwd: string;
  /** Default `dist/main.js start`; `buildDist()` brings that up to date. */
  readonly args?: readonly string[];
}

/** Starts one; nothing is waited for. */
export function startController({ env, cwd, args = [MAIN, 'start'] }: ProcessOptions): ControllerProcess {
  const child = spawn(process.execPath, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    createInterface(stream).on('line', (line) => lines.push(line));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  return {
    pid: child.pid ?? 0,
    lines,
    ended,
    said: (words, timeoutMs = 30_000) =>
      until(
        `the controller says "${words}"`,
        () => {
          const line = lines.find((one) => one.includes(words));
          if (line === undefined && isOver(child)) throw new Error(`it ended:\n${lines.join('\n')}`);
          return line;
        },
        timeoutMs,
      ),
    kill(signal = 'SIGKILL') {
      if (!isOver(child)) child.kill(signal);
      return ended;
    },
  };
}

const MAIN = fileURLToPath(distUrl('main.js'));

function isOver({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}
