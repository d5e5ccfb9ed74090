/** Nginx's processes as /proc shows them. Only what is certainly ours is ever named here. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const MASTER = 'nginx: master process ';
const WORKER = 'nginx: worker process';
const LEAVING = 'shutting down';

export interface Worker {
  readonly pid: number;
  /** It accepts no more and ends with its last connection. */
  readonly leaving: boolean;
}

/** Pid of the master that runs this configuration file; the title that nginx gives itself repeats its arguments. */
export function findMaster(conf: string): number | undefined {
  return titles().find(({ title }) => title.startsWith(MASTER) && title.endsWith(` -c ${conf}`))?.pid;
}

/** Pid of the master of a worker; undefined where that is not visible, as with an nginx in another container. */
export function masterOf(worker: number): number | undefined {
  if (!titleOf(worker).startsWith(WORKER)) return undefined;
  const master = parentOf(worker);
  return master !== undefined && titleOf(master).startsWith(MASTER) ? master : undefined;
}

/** The workers of a master. */
export function workersOf(master: number): readonly Worker[] {
  return allWorkers().filter(({ pid }) => parentOf(pid) === master);
}

/** Workers that outlived a killed master and still hold its listeners; their open log file tells whose they were. */
export function orphansOf(errorLog: string): readonly Worker[] {
  return allWorkers().filter(({ pid }) => {
    const parent = parentOf(pid);
    return (parent === undefined || !titleOf(parent).startsWith(MASTER)) && holds(pid, errorLog);
  });
}

/** Whether any of these is still an nginx worker. */
export function anyWorker(pids: Iterable<number>): boolean {
  return [...pids].some((pid) => titleOf(pid).startsWith(WORKER));
}

/** Whether any of these still accepts connections: a worker that leaves says so in its title. */
export function anyAccepting(pids: Iterable<number>): boolean {
  return [...pids].some((pid) => titleOf(pid).startsWith(WORKER) && !titleOf(pid).includes(LEAVING));
}

function allWorkers(): readonly Worker[] {
  return titles()
    .filter(({ title }) => title.startsWith(WORKER))
    .map(({ pid, title }) => ({ pid, leaving: title.includes(LEAVING) }));
}

/** Read at once: /proc is memory, and hundreds of small reads in turns take twenty times as long. */
function titles(): readonly { readonly pid: number; readonly title: string }[] {
  const pids = readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number);
  return pids.map((pid) => ({ pid, title: titleOf(pid) }));
}

/** Empty for a process that is gone. */
function titleOf(pid: number): string {
  const raw = orGone(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? '';
  return raw.replaceAll('\0', ' ').trim();
}

function parentOf(pid: number): number | undefined {
  const stat = orGone(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // The name in brackets may hold anything, brackets too; after it come state and parent.
  const [, parent] = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  return parent === undefined ? undefined : Number(parent);
}

function holds(pid: number, file: string): boolean {
  const fds = orGone(() => readdirSync(`/proc/${pid}/fd`)) ?? [];
  const links = fds.map((fd) => orGone(() => readlinkSync(`/proc/${pid}/fd/${fd}`)));
  return links.some((link) => link === file || link === `${file} (deleted)` || link === `${file}.1`);
}

/** A process may end between two looks, and another user's may not be looked into: both are not ours to act on. */
function orGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM') return undefined;
    throw error;
  }
}
