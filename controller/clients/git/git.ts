/**
 * Runs the git command line, and only that: no shell, an environment of our own from end to end, no prompts, no hooks,
 * no transport but http and https, no redirects, no submodules. Settings and credentials travel in the environment,
 * where no process list shows them. A run that is cut off takes its whole process group with it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { PassThrough, type Readable } from 'node:stream';

export type GitConfig = readonly (readonly [key: string, value: string])[];

export interface GitOptions {
  readonly gitDir?: string;
  /** Objects of another repository, read in place of those of `gitDir`. */
  readonly objectDir?: string;
  readonly cwd?: string;
  readonly config?: GitConfig;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
  /** Runs as this user, so that what it makes is theirs; only root may say so. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  readonly signal?: AbortSignal;
  /** Default 60 s. */
  readonly timeoutMs?: number;
  /** Of standard output; default 64 MiB. */
  readonly maxBytes?: number;
}

export type GitCutOff = 'exit' | 'timeout' | 'aborted' | 'too big' | 'not started';

/** A git run that did not end well; whoever asked turns it into a sentence about the thing it was asked for. */
export class GitFailure extends Error {
  override readonly name = 'GitFailure';
  readonly why: GitCutOff;
  readonly stderr: string;

  constructor(why: GitCutOff, stderr: string, options?: ErrorOptions) {
    super(`git ended badly (${why}): ${stderr.slice(0, 300)}`, options);
    this.why = why;
    this.stderr = stderr;
  }
}

const STDERR_MAX_BYTES = 16_384;

/** Where git and its helpers are looked for: this process's own `PATH` is the operator's business, not git's. */
const PATH = '/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin:/run/current-system/sw/bin';

const CONFIG: GitConfig = [
  ['protocol.allow', 'never'],
  ['protocol.http.allow', 'always'],
  ['protocol.https.allow', 'always'],
  ['http.followRedirects', 'false'],
  ['http.lowSpeedLimit', '100'],
  ['http.lowSpeedTime', '20'],
  ['credential.helper', ''],
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['safe.directory', '*'],
  ['submodule.recurse', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['fetch.unpackLimit', '1'],
  ['tar.umask', '0022'],
  ['transfer.fsckObjects', 'true'],
  // Harmless flaws that old, honest repositories have.
  ['fetch.fsck.zeroPaddedFilemode', 'ignore'],
  ['fetch.fsck.badTimezone', 'ignore'],
  ['fetch.fsck.missingSpaceBeforeDate', 'ignore'],
  ['fetch.fsck.missingNameBeforeEmail', 'ignore'],
  ['fetch.fsck.missingEmail', 'ignore'],
  ['fetch.fsck.badEmail', 'ignore'],
];

/** Standard output of a run that ended with 0. Throws GitFailure. */
export function runGit(args: readonly string[], options: GitOptions = {}): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const maxBytes = options.maxBytes ?? 64 * 2 ** 20;
    const chunks: Buffer[] = [];
    let size = 0;
    const { child, cut } = start(args, { timeoutMs: 60_000, ...options }, (failure) =>
      failure ? reject(failure) : resolve(Buffer.concat(chunks)),
    );
    child.stdout?.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) cut('too big');
      else chunks.push(chunk);
    });
  });
}

/** Standard output as it comes; the stream fails, and does not end, when the run does not end with 0. */
export function streamGit(args: readonly string[], options: GitOptions = {}): Readable {
  const out = new PassThrough();
  const { child, cut } = start(args, options, (failure) => (failure ? out.destroy(failure) : out.end()));
  child.stdout?.pipe(out, { end: false });
  out.on('close', () => cut('aborted'));
  return out;
}

/** Starts git and calls `done` once, when the process is gone and its output read. */
function start(args: readonly string[], options: GitOptions, done: (failure?: GitFailure) => void) {
  const child = spawn('git', args, {
    cwd: options.cwd ?? '/',
    env: environment(options),
    ...options.owner,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let why: GitCutOff = 'exit';
  let cause: unknown;
  let stderr = '';
  const cut = (reason: GitCutOff) => {
    if (why !== 'exit' || child.exitCode !== null || child.signalCode !== null) return;
    why = reason;
    killGroup(child);
  };
  const abort = () => cut('aborted');
  const timer = options.timeoutMs === undefined ? undefined : setTimeout(cut, options.timeoutMs, 'timeout');
  options.signal?.addEventListener('abort', abort, { once: true });
  if (options.signal?.aborted) abort();

  child.stderr.on('data', (chunk: Buffer) => {
    if (stderr.length < STDERR_MAX_BYTES) stderr += chunk.toString();
  });
  child.on('error', (error) => {
    why = 'not started';
    cause = error;
  });
  child.on('close', (code) => {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', abort);
    done(code === 0 && why === 'exit' ? undefined : new GitFailure(why, stderr, { cause }));
  });
  // Git may end before it has read everything; its exit code tells, not the broken pipe.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  return { child, cut };
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function environment(options: GitOptions): NodeJS.ProcessEnv {
  const config = [...CONFIG, ...(options.config ?? [])];
  return {
    PATH,
    LC_ALL: 'C',
    HOME: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_LITERAL_PATHSPECS: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_OPTIONAL_LOCKS: '0',
    ...(options.gitDir === undefined ? {} : { GIT_DIR: options.gitDir }),
    ...(options.objectDir === undefined ? {} : { GIT_OBJECT_DIRECTORY: options.objectDir }),
    ...options.env,
    GIT_CONFIG_COUNT: String(config.length),
    ...Object.fromEntries(
      config.flatMap(([key, value], n) => [
        [`GIT_CONFIG_KEY_${n}`, key],
        [`GIT_CONFIG_VALUE_${n}`, value],
      ]),
    ),
  };
}
