/**
 * TCP ports of this machine that something listens on, as the kernel lists them in /proc/net/tcp and tcp6 (proc(5):
 * state 0A is LISTEN, the second column is the local address with its port in hex, the tenth the socket's inode).
 */
import { readdir, readFile, readlink } from 'node:fs/promises';

/** Ports with a listener on any address, but for those held by processes of the name `except`. */
export async function busyPorts(except: string): Promise<ReadonlySet<number>> {
  const own = await socketsOf(except);
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map((file) => table(file)));
  const rows = tables.flat().filter(({ inode }) => !own.has(inode));
  return new Set(rows.map(({ port }) => port));
}

async function table(file: string): Promise<readonly { readonly port: number; readonly inode: string }[]> {
  // A kernel without IPv6 has no tcp6.
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    const columns = line.trim().split(/\s+/);
    const port = columns[1]?.split(':')[1];
    if (columns[3] !== '0A' || port === undefined) return [];
    return [{ port: Number.parseInt(port, 16), inode: columns[9] ?? '' }];
  });
}

async function socketsOf(name: string): Promise<ReadonlySet<string>> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const found = new Set<string>();
  for (const pid of pids) {
    // Processes end while they are being looked at.
    const comm = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
    if (comm.trim() !== name) continue;
    const fds = await readdir(`/proc/${pid}/fd`).catch(() => []);
    const links = await Promise.all(fds.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
    for (const link of links) {
      const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
      if (inode !== undefined) found.add(inode);
    }
  }
  return found;
}
