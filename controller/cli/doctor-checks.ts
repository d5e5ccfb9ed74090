/** What `berth doctor` looks at, in the order it is printed. None of these writes anything. */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { runGit } from '../clients/git/git.ts';
import { messageOf } from '../core/errors.ts';
import type { Settings } from '../settings.ts';
import { cloudflareChecks } from './doctor-cloudflare.ts';
import { engineFinding } from './doctor-engine.ts';
import { githubFinding } from './doctor-github.ts';
import { portFinding } from './doctor-ports.ts';
import { configRepoFinding } from './doctor-repo.ts';
import type { Finding } from './finding.ts';

const run = promisify(execFile);

/** A build of a small app wants about this much. */
const MIN_FREE_BYTES = 2 * 2 ** 30;
/** The first git that can be told which address a host has (`http.curloptResolve`). */
const MIN_GIT = [2, 37] as const;
/** All checks for these settings; each resolves and never throws. `env` is what programs are run in. */
export function checks(settings: Settings, env: NodeJS.ProcessEnv): readonly (() => Promise<Finding>)[] {
  const { owner } = settings;
  // A user's PATH often lacks the directories that daemons live in.
  const reach = { ...env, PATH: `${env.PATH ?? ''}:/usr/sbin:/sbin` };
  return [
    () => engineFinding(settings.dockerHost),
    () => nginx(settings, reach),
    git,
    () => flock(reach),
    () => portFinding('admin port', { ...settings.listen, variable: 'BERTH_LISTEN', owner }),
    () => portFinding('sites port', { ...settings.http, variable: 'BERTH_HTTP', owner }),
    () => dataDir(settings.dataDir),
    () => disk(settings.dataDir),
    () => configRepoFinding(settings),
    ...cloudflareChecks(settings),
    () => githubFinding(settings),
  ];
}

async function nginx({ nginx }: Settings, env: NodeJS.ProcessEnv): Promise<Finding> {
  const name = 'nginx';
  const [file, ...args] = nginx.mode === 'system' ? nginx.test : ['nginx', '-v'];
  try {
    const { stdout, stderr } = await run(file ?? '', args, {
      env,
      timeout: 20_000,
    });
    return { name, ok: true, found: lastLine(stderr || stdout) };
  } catch (error) {
    const mend = nginx.mode === 'system' ? 'mend what BERTH_NGINX_TEST names' : 'apt-get install nginx';
    return { name, ok: false, found: lastLine(messageOf(error)), mend };
  }
}

async function git(): Promise<Finding> {
  const name = 'git';
  const mend = `install git ${MIN_GIT.join('.')} or newer`;
  try {
    const found = (await runGit(['--version'])).toString().trim();
    const [, major, minor] = /(\d+)\.(\d+)/.exec(found) ?? [];
    const ok = Number(major) > MIN_GIT[0] || (Number(major) === MIN_GIT[0] && Number(minor) >= MIN_GIT[1]);
    return ok ? { name, ok, found } : { name, ok, found, mend };
  } catch (error) {
    return { name, ok: false, found: messageOf(error), mend };
  }
}

async function flock(env: NodeJS.ProcessEnv): Promise<Finding> {
  const name = 'flock';
  try {
    return { name, ok: true, found: (await run('flock', ['--version'], { env })).stdout.trim() };
  } catch {
    return { name, ok: false, found: 'not found', mend: 'apt-get install util-linux' };
  }
}

async function dataDir(dir: string): Promise<Finding> {
  const name = 'data dir';
  try {
    await access(await nearest(dir), constants.R_OK | constants.W_OK | constants.X_OK);
    return { name, ok: true, found: `${dir} can be written` };
  } catch (error) {
    const mend = 'give this user the right to write there, or set BERTH_DATA_DIR';
    return { name, ok: false, found: messageOf(error), mend };
  }
}

async function disk(dir: string): Promise<Finding> {
  const name = 'disk';
  const { bavail, bsize } = await statfs(await nearest(dir));
  const free = bavail * bsize;
  const found = `${(free / 2 ** 30).toFixed(1)} GiB free at ${dir}`;
  if (free >= MIN_FREE_BYTES) return { name, ok: true, found };
  return { name, ok: false, found, mend: 'make room, or set BERTH_DATA_DIR to a larger disk' };
}

/** The directory itself, or the nearest above it that exists: the rest would be made. */
async function nearest(dir: string): Promise<string> {
  try {
    await access(dir);
    return dir;
  } catch (error) {
    if (dirname(dir) === dir || !(error instanceof Error && 'code' in error && error.code === 'ENOENT'))
      return dir;
    return nearest(dirname(dir));
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
