/** A managed nginx of a test's own: its directory, its port, its client, and the end of all of it. */

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createNginx } from '../../controller/clients/nginx/nginx.ts';
import type { Nginx } from '../../controller/clients/types.ts';
import type { Step } from '../../controller/core/step.ts';
import type { VhostWant } from '../../controller/core/types.ts';
import { renderVhost } from '../../controller/kinds/vhost-text.ts';
import { freePort } from './free-port.ts';

export interface NginxWorld {
  readonly dir: string;
  readonly owner: string;
  readonly http: { readonly host: string; readonly port: number };
  /** Labels of the effects so far, of every client made by `restart`. */
  readonly effects: string[];
  readonly nginx: Nginx;
  /** Another client on the same directory, as after a restart of the controller. */
  restart(options?: { readonly step?: Step; readonly port?: number }): Nginx;
  text(name: string, want: Partial<VhostWant>): string;
  nginxTest(): void;
  close(): Promise<void>;
}

/** Nothing runs before the first `apply`. */
export async function nginxWorld(): Promise<NginxWorld> {
  const dir = join(openTemp(), 'nginx');
  const owner = `t${randomBytes(4).toString('hex')}`;
  const http = { host: '127.0.0.1', port: await freePort() };
  const effects: string[] = [];
  const counted: Step = (label, effect) => {
    effects.push(label);
    return effect();
  };
  const restart: NginxWorld['restart'] = ({ step = counted, port = http.port } = {}) =>
    createNginx({ mode: 'managed', dir, owner, http: { ...http, port }, drainMs: 300, step });
  return {
    dir,
    owner,
    http,
    effects,
    nginx: restart(),
    restart,
    text: (name, want) => renderVhost(vhostWant(name, want), { owner, http }),
    nginxTest: () => {
      execFileSync('nginx', ['-t', '-q', '-p', dir, '-c', join(dir, 'nginx.conf')], { stdio: 'pipe' });
    },
    async close() {
      await endNginx(dir);
      rmSync(join(dir, '..'), { recursive: true, force: true });
    },
  };
}

/** A directory that nginx's workers may pass through. */
export function openTemp(): string {
  const dir = mkdtempSync(join(tmpdir(), 'berth-nginx-'));
  chmodSync(dir, 0o755);
  return dir;
}

/** A vhost of one service `web` at `<name>.test`. */
export function vhostWant(name: string, want: Partial<VhostWant> = {}): VhostWant {
  return {
    key: name,
    deployment: name,
    hostnames: [`${name}.test`],
    routes: [{ prefix: '/', service: 'web', strip: false }],
    backends: [],
    pinned: [],
    suspended: false,
    headers: {},
    maxBody: '100m',
    why: 'test',
    ...want,
  };
}

/** One backend `web` with an instance per port. */
export function web(...ports: readonly number[]): VhostWant['backends'] {
  return [{ service: 'web', instances: ports.map((port) => ({ key: `web-${port}`, port })) }];
}

export interface Reply {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

/** One request to 127.0.0.1 on a connection of its own. */
export function ask(
  port: number,
  host: string,
  path = '/',
  options: {
    readonly method?: string;
    readonly body?: string;
    readonly headers?: Record<string, string>;
  } = {},
): Promise<Reply> {
  const { method = 'GET', body, headers = {} } = options;
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port, path, method, agent: false, timeout: 10_000, headers: { host, ...headers } },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
        );
      },
    );
    asked.on('timeout', () => asked.destroy(new Error('no answer in 10 s')));
    asked.on('error', reject);
    asked.end(body);
  });
}

/** Polls until it holds; fails after ten seconds. */
export async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not in 10 s: ${what}`);
    await sleep(20);
  }
}

/** Pids of the nginx processes that have a file of this directory open. */
export function nginxOf(dir: string, role: 'master' | 'worker'): number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const title = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return title.startsWith(`nginx: ${role}`) && opensIn(pid, dir);
      } catch {
        return false; // It ended while we looked.
      }
    });
}

/** Ends the master and every worker of a directory. */
export async function endNginx(dir: string): Promise<void> {
  await until('nginx has ended', () => {
    const pids = [...nginxOf(dir, 'master'), ...nginxOf(dir, 'worker')];
    for (const pid of pids) kill(pid);
    return pids.length === 0;
  });
}

/** It may have ended since we looked. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function opensIn(pid: number, dir: string): boolean {
  const fds = readdirSync(`/proc/${pid}/fd`);
  return fds.some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(`${dir}/`));
}

/** Answers with what it was asked. */
export async function echoApp(): Promise<{ server: Server; port: number }> {
  const server = createHttpServer(async (asked: IncomingMessage, response) => {
    let bytes = 0;
    for await (const chunk of asked) bytes += (chunk as Buffer).length;
    const { method, url, headers } = asked;
    const { port } = server.address() as AddressInfo;
    response.end(JSON.stringify({ method, url, headers, bytes, port }));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { server, port: (server.address() as AddressInfo).port };
}
