/**
 * Our own nginx. It outlives the controller: it leaves our process group and holds none of our streams. Which process it
 * is, its own title says (it names our `nginx.conf`), so neither a stale pid file nor someone else's nginx misleads us.
 */
import { mkdir, open, rename, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TransientError } from '../../core/errors.ts';
import { reasonOf, runNginx } from './command.ts';
import { readPages, renderConf } from './config.ts';
import type { Mode, NginxPlace } from './mode.ts';
import { isTaken } from './ports.ts';
import { findMaster, orphansOf } from './processes.ts';
import { workerRights } from './rights.ts';
import { listenAddress } from './words.ts';

/** The error log starts anew, keeping one old file, at the first reload past this size. */
const LOG_BYTES = 10_000_000;
/** How long workers without a master may take to let go of the port. */
const ORPHANS_MS = 5_000;

/** An nginx in this directory, which is made when there is something to write. */
export function managedMode(dir: string, place: NginxPlace): Mode {
  const conf = join(dir, 'nginx.conf');
  const errorLog = join(dir, 'error.log');
  const rights = () => workerRights(dir);
  const rendered = async () => renderConf({ ...(await rights()), drainMs: place.drainMs });
  let logStart = 0;
  return {
    layout: { dir, sitesDir: join(dir, 'sites'), stagingDir: join(dir, '.staging') },
    place,
    pages: readPages(),
    conf: async () => ({ file: conf, text: await rendered() }),
    trialConf: rendered,
    ready: async () => {
      await mkdir(resolve(dir, (await rights()).temp), { recursive: true });
    },
    foreignCounts: true,
    down: () => (findMaster(conf) === undefined ? 'nginx is not running' : undefined),
    orphaned: () => orphansOf(errorLog).length > 0,
    async refresh() {
      const master = findMaster(conf);
      if (master !== undefined) {
        await place.step('nginx.reload', async () => {
          logStart = await turnLog(errorLog);
          signal(master, 'SIGHUP');
        });
      } else {
        await place.step('nginx.start', async () => {
          logStart = await turnLog(errorLog);
          await start({ dir, conf, errorLog, place });
        });
      }
    },
    complaint: async () => reasonOf(await readFrom(errorLog, logStart)),
  };
}

async function start(options: {
  readonly dir: string;
  readonly conf: string;
  readonly errorLog: string;
  readonly place: NginxPlace;
}): Promise<void> {
  const address = listenAddress(options.place.http);
  const deadline = performance.now() + ORPHANS_MS;
  // A killed master leaves workers that hold the port; asked to quit, they finish what they are at.
  const orphans = orphansOf(options.errorLog);
  for (const { pid } of orphans) signal(pid, 'SIGQUIT');
  while ((await isTaken(address)) && orphans.length > 0 && performance.now() < deadline) await sleep(10);
  if (await isTaken(address)) {
    throw new TransientError(
      `nginx can't listen on ${address}: another process does; stop it or set BERTH_HTTP to another address`,
    );
  }
  const { ok, words } = await runNginx(['-p', options.dir, '-c', options.conf]);
  if (!ok) throw new TransientError(`nginx can't start: ${reasonOf(words)}`);
  options.place.log?.(`nginx started on ${address}`);
}

function signal(pid: number, name: 'SIGHUP' | 'SIGQUIT'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    throw new TransientError(
      `nginx (process ${pid}) can't be signalled: run Berth as the user who started it, or stop it`,
      { cause: error },
    );
  }
}

/** Where the log goes on from, after it was turned if it had to be. */
async function turnLog(file: string): Promise<number> {
  const size = await sizeOf(file);
  if (size < LOG_BYTES) return size;
  await rename(file, `${file}.1`);
  return 0;
}

async function readFrom(file: string, start: number): Promise<string> {
  const size = await sizeOf(file);
  if (size <= start) return '';
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(
      Buffer.alloc(Math.min(size - start, 16_384)),
      0,
      undefined,
      start,
    );
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0;
    throw error;
  }
}
