/**
 * Nginx started by root gives its workers to an ordinary user, who must be able to reach the place where large request
 * bodies wait. Below a closed directory, such as /root, nobody else can: they then wait below /var/lib.
 */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

export interface WorkerRights {
  /** User and group for nginx's `user`; absent when we are not root, where all runs as we do. */
  readonly user?: string;
  /** Directory of temporary files, relative to the directory of nginx, or absolute. */
  readonly temp: string;
}

/** Accounts that systems make for web servers, the best first; `nobody` is everywhere. */
const USERS = ['www-data', 'nginx', 'http', 'nobody'];

/** What an nginx in this directory is to run as. */
export async function workerRights(dir: string): Promise<WorkerRights> {
  if (process.geteuid?.() !== 0) return { temp: 'tmp' };
  const passwd = parseAccounts(await readFile('/etc/passwd', 'utf8'));
  const groups = parseAccounts(await readFile('/etc/group', 'utf8'));
  const name = USERS.find((user) => passwd.has(user)) ?? 'root';
  const gid = passwd.get(name)?.[3];
  const group = [...groups].find(([, fields]) => fields[2] === gid)?.[0];
  const user = group === undefined ? name : `${name} ${group}`;
  return { user, temp: (await isOpen(dir)) ? 'tmp' : closedTemp(dir) };
}

/** Only root may write in /var/lib, so no one can have laid a link there. */
function closedTemp(dir: string): string {
  return `/var/lib/berth-nginx/${createHash('sha256').update(resolve(dir)).digest('hex').slice(0, 12)}`;
}

function parseAccounts(text: string): ReadonlyMap<string, readonly string[]> {
  const rows = text.split('\n').map((line) => line.split(':'));
  return new Map(rows.flatMap((fields) => (fields[0] ? [[fields[0], fields] as const] : [])));
}

/** Whether everyone may pass through the directory and all above it; one that is not there yet is made open. */
async function isOpen(dir: string): Promise<boolean> {
  const above = dirname(dir);
  if (above !== dir && !(await isOpen(above))) return false;
  try {
    return ((await stat(dir)).mode & 0o001) !== 0;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return true;
    throw error;
  }
}
