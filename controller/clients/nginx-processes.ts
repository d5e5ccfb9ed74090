/** Nginx's processes as /proc shows them. Only what is certainly ours is ever named here. */
import { readdir, readFile, readlink } from 'node:fs/promises';

const MASTER = 'nginx: master process ';
const WORKER = 'nginx: worker process';
const LEAVING = 'shutting down';

/** Pid of the master that runs this configuration file; the title that nginx gives itself repeats its arguments. */
export async function findMaster(conf: string): Promise<number | undefined> {
  const all = await titles();
  return all.find(({ title }) => title.startsWith(MASTER) && title.endsWith(` -c ${conf}`))?.pid;
}

/** Pid of the master of a worker; undefined where that is not visible, as with an nginx in another container. */
export async function masterOf(worker: number): Promise<number | undefined> {
  if (!(await titleOf(worker)).startsWith(WORKER)) return undefined;
  const master = await parentOf(worker);
  return master !== undefined && (await titleOf(master)).startsWith(MASTER) ? master : undefined;
}

export interface Worker {
  readonly pid: number;
  /** It accepts no more and ends with its last connection. */
  readonly leaving: boolean;
}

/** The workers of a master. */
export async function workersOf(master: number): Promise<readonly Worker[]> {
  const workers = await allWorkers();
  const parents = await Promise.all(workers.map(({ pid }) => parentOf(pid)));
  return workers.filter((_, at) => parents[at] === master);
}

/** Workers that outlived a killed master and still hold its listeners; their open log file tells whose they were. */
export async function orphansOf(errorLog: string): Promise<readonly Worker[]> {
  const workers = await allWorkers();
  const ours = await Promise.all(
    workers.map(async ({ pid }) => {
      const parent = await parentOf(pid);
      const orphaned = parent === undefined || !(await titleOf(parent)).startsWith(MASTER);
      return orphaned && (await holds(pid, errorLog));
    }),
  );
  return workers.filter((_, at) => ours[at] === true);
}

/** Whether any of these is still an nginx worker. */
export async function anyWorker(pids: Iterable<number>): Promise<boolean> {
  const found = await Promise.all([...pids].map(titleOf));
  return found.some((title) => title.startsWith(WORKER));
}

/** Whether any of these still accepts connections: a worker that leaves says so in its title. */
export async function anyAccepting(pids: Iterable<number>): Promise<boolean> {
  const found = await Promise.all([...pids].map(titleOf));
  return found.some((title) => title.startsWith(WORKER) && !title.includes(LEAVING));
}

async function allWorkers(): Promise<readonly Worker[]> {
  const workers = (await titles()).filter(({ title }) => title.startsWith(WORKER));
  return workers.map(({ pid, title }) => ({ pid, leaving: title.includes(LEAVING) }));
}

async function titles(): Promise<readonly { readonly pid: number; readonly title: string }[]> {
  const pids = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name)).map(Number);
  return Promise.all(pids.map(async (pid) => ({ pid, title: await titleOf(pid) })));
}

/** Empty for a process that is gone. */
async function titleOf(pid: number): Promise<string> {
  const raw = await orGone(readFile(`/proc/${pid}/cmdline`, 'utf8'));
  return (raw ?? '').replaceAll('\0', ' ').trim();
}

async function parentOf(pid: number): Promise<number | undefined> {
  const stat = await orGone(readFile(`/proc/${pid}/stat`, 'utf8'));
  // The name in brackets may hold anything, brackets too; after it come state and parent.
  const [, parent] = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  return parent === undefined ? undefined : Number(parent);
}

async function holds(pid: number, file: string): Promise<boolean> {
  const fds = (await orGone(readdir(`/proc/${pid}/fd`))) ?? [];
  const links = await Promise.all(fds.map((fd) => orGone(readlink(`/proc/${pid}/fd/${fd}`))));
  return links.some((link) => link === file || link === `${file} (deleted)` || link === `${file}.1`);
}

/** A process may end between two looks, and another user's may not be looked into: both are not ours to act on. */
async function orGone<T>(look: Promise<T>): Promise<T | undefined> {
  try {
    return await look;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM') return undefined;
    throw error;
  }
}
