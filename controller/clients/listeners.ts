/**
 * TCP ports of this machine that something listens on, as the kernel lists them in /proc/net/tcp and tcp6 (proc(5):
 * state 0A is LISTEN, the second column is the local address with its port in hex, the tenth the socket's inode).
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

export interface Listeners {
  /** Held by processes of that name, and by nobody else. */
  readonly own: ReadonlySet<number>;
  readonly others: ReadonlySet<number>;
}

/** Ports with a listener on any address, told apart by the name of the process that holds them. */
export async function listeners(name: string): Promise<Listeners> {
  const sockets = socketsOf(name);
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map((file) => table(file)));
  const rows = tables.flat();
  const others = new Set(rows.filter(({ inode }) => !sockets.has(inode)).map(({ port }) => port));
  const own = rows.filter(({ port }) => !others.has(port)).map(({ port }) => port);
  return { own: new Set(own), others };
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

/** Read at once, not in turns: of hundreds of processes that takes a twentieth of the time, and every pass asks. */
function socketsOf(name: string): ReadonlySet<string> {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  const named = pids.filter((pid) => orNone(() => readFileSync(`/proc/${pid}/comm`, 'utf8')).trim() === name);
  const links = named.flatMap((pid) =>
    orNone(() => readdirSync(`/proc/${pid}/fd`).join('\n'))
      .split('\n')
      .map((fd) => orNone(() => readlinkSync(`/proc/${pid}/fd/${fd}`))),
  );
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}

/** Processes end while they are being looked at. */
function orNone(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
