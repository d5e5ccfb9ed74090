/**
 * One controller per data dir. The lock is the kernel's (`flock(2)` on an open file of this very process), so it ends
 * with the process however that ends, and stays while the process is stopped. Node can't call flock itself: the
 * `flock` command locks a descriptor that it shares with us and leaves; the lock belongs to the open file, not to it.
 */
import { spawn } from 'node:child_process';
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StalledError } from '../core/errors.ts';

export interface Lock {
  /** Resolves when the lock file was removed or replaced: another controller could start then, so this one must end. */
  readonly lost: Promise<void>;
  release(): void;
}

/** Someone else holds the data dir; `pid` is 0 while it has not said who it is. */
export class LockHeldError extends Error {
  override readonly name = 'LockHeldError';
  readonly pid: number;

  constructor(dir: string, pid: number) {
    const who = pid > 0 ? `process ${pid}` : 'another process';
    super(`${who} already runs on ${dir}: stop it, or set BERTH_DATA_DIR to another directory`);
    this.pid = pid;
  }
}

const CHECK_INTERVAL_MS = 1000;
/** A holder writes its pid right after it has the lock. */
const PID_WAIT_MS = 500;

/** Takes `<dir>/lock`, making the directory if need be. Throws `LockHeldError`, or an error that names what is missing. */
export async function takeLock(dir: string): Promise<Lock> {
  const path = join(dir, 'lock');
  for (;;) {
    const fd = await openLock(dir, path);
    try {
      if (!(await flock(fd))) throw new LockHeldError(dir, await holderOf(path));
      if (await leadsTo(path, fd)) {
        ftruncateSync(fd);
        writeSync(fd, `${process.pid}\n`, 0);
        return held(path, fd);
      }
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(fd);
  }
}

async function openLock(dir: string, path: string): Promise<number> {
  try {
    await mkdir(dir, { recursive: true });
    return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : cause;
    const advice = 'give this user the right to write there, or set BERTH_DATA_DIR to another directory';
    throw new StalledError(`the data dir ${dir} can't be used (${code}): ${advice}`, { cause });
  }
}

function held(path: string, fd: number): Lock {
  const { promise: lost, resolve } = deferred();
  let open = true;
  const timer = setInterval(async () => {
    if ((await leadsTo(path, fd)) || !open) return;
    clearInterval(timer);
    resolve();
  }, CHECK_INTERVAL_MS);
  timer.unref();
  return {
    lost,
    release() {
      clearInterval(timer);
      if (open) closeSync(fd);
      open = false;
    },
  };
}

/** True when we have it now, false when someone else has. */
function flock(fd: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'pipe', fd] });
    let words = '';
    child.stderr?.on('data', (chunk) => {
      words += chunk;
    });
    child.on('error', (cause) =>
      reject(new Error('the flock command is missing: install util-linux', { cause })),
    );
    child.on('close', (code) => {
      if (code === 0 || code === 1) resolve(code === 0);
      else reject(new Error(`the data dir can't be locked: ${words.trim() || `flock ended with ${code}`}`));
    });
  });
}

/** False when the path is another file by now; any other trouble is no proof of that. */
async function leadsTo(path: string, fd: number): Promise<boolean> {
  try {
    const mine = fstatSync(fd);
    const there = await stat(path);
    return mine.ino === there.ino && mine.dev === there.dev;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ENOENT');
  }
}

async function holderOf(path: string): Promise<number> {
  const deadline = performance.now() + PID_WAIT_MS;
  for (;;) {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
    if (pid > 0 && alive(pid)) return pid;
    if (performance.now() > deadline) return 0;
    await sleep(20);
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
