/** Runs nginx's own commands, and reads what they say. */
import { execFile } from 'node:child_process';
import { TransientError } from '../../core/errors.ts';

/** `nginx` is often only in a directory that an ordinary user's path lacks; of our own environment it needs nothing. */
const NGINX_ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };

export interface Result {
  readonly ok: boolean;
  /** What it wrote on stderr, else on stdout. */
  readonly words: string;
}

/** Runs nginx with these arguments. Throws TransientError when there is none on this machine. */
export function runNginx(args: readonly string[], env: NodeJS.ProcessEnv = NGINX_ENV): Promise<Result> {
  return run(['nginx', ...args], env);
}

/** Runs the operator's own command, in our environment, without a shell. Throws TransientError when it can't be run. */
export function runCommand(command: readonly string[]): Promise<Result> {
  return run(command);
}

/** The line that says why nginx refused, with paths shortened to file names; the last line when none says so. */
export function reasonOf(words: string): string {
  const lines = words.split('\n').filter((line) => line.trim() !== '');
  const line = lines.find((text) => /\[(emerg|crit)\]/.test(text)) ?? lines.at(-1) ?? 'it said nothing';
  return line
    .replace(/^.*?\[(?:emerg|crit)\] (?:\d+#\d+: )?/, '')
    .replace(/\/\S*\/([^/\s]+)/g, '$1')
    .trim()
    .slice(0, 300);
}

/** Name of the file that nginx blames, without `.conf`. */
export function blamedIn(words: string): string | undefined {
  const line = words.split('\n').find((text) => /\[(emerg|crit)\]/.test(text));
  return /\bin \S*?([^/\s]+)\.conf:\d+/.exec(line ?? '')?.[1];
}

function run(command: readonly string[], env?: NodeJS.ProcessEnv): Promise<Result> {
  const [file = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const options = { timeout: 30_000, killSignal: 'SIGKILL' as const, ...(env && { env }) };
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      if (error && typeof error.code === 'string') {
        const fix = env
          ? 'install nginx (apt-get install nginx-light)'
          : 'check BERTH_NGINX_TEST and BERTH_NGINX_RELOAD';
        reject(new TransientError(`${file} can't be run (${error.code}): ${fix}`, { cause: error }));
      } else {
        resolve({ ok: error === null, words: stderr.trim() || stdout.trim() });
      }
    });
    child.stdin?.end();
  });
}
