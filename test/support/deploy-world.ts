/** A controller beside a Git server of its own, and what tests about deploying ask of it and of the engine. */

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type Docker from 'dockerode';
import { stringify } from 'yaml';
import type { Report } from '../../controller/loop/reconcile.ts';
import { type Berth, startBerth } from './berth.ts';
import { type GitServer, startGitServer } from './git-server.ts';
import { makeRepo, type TestRepo } from './make-repo.ts';
import { tinyImage } from './tiny-image.ts';

const run = promisify(execFile);

export type Entries = Readonly<Record<string, unknown>>;

export interface AppRepo extends TestRepo {
  readonly url: string;
}

export interface DeployWorld {
  readonly berth: Berth;
  readonly server: GitServer;
  /** Image with this machine's Node and a shell. */
  readonly image: string;
  /** A repo on the Git server. */
  repo(name: string): AppRepo;
  /** Commits a file with exactly these entries. */
  write(entries: Entries): Promise<string>;
  /** The same, and waits until all is done. */
  deploy(entries: Entries): Promise<Report>;
  /** Waits until a poll has found the commit of an app repo, and until all that follows from it is done. */
  found(deployment: string, commit: string): Promise<Report>;
  /** Containers of a deployment, oldest first. */
  containers(deployment: string): Promise<readonly Docker.ContainerInspectInfo[]>;
  /** The only one. */
  container(deployment: string, service?: string): Promise<Docker.ContainerInspectInfo>;
  /** Ends a container behind the controller's back, and waits until it is up again and all is done. */
  haltByHand(container: Docker.ContainerInspectInfo | undefined, how: 'kill' | 'remove'): Promise<void>;
  body(hostname: string, path?: string, port?: number): Promise<string>;
  end(): Promise<void>;
}

export async function deployWorld(env: Readonly<Record<string, string>> = {}): Promise<DeployWorld> {
  const image = await tinyImage();
  const root = await mkdtemp(join(tmpdir(), 'berth-repos-'));
  const server = await startGitServer(root);
  const firstPort = 10_000 + 20 * Math.floor(Math.random() * 490);
  const berth = await startBerth({
    BERTH_GIT_ALLOW: `127.0.0.1:${server.port}`,
    // Away from what runs on this machine and from other tests.
    BERTH_PORTS: `${firstPort}-${firstPort + 99}`,
    BERTH_DRAIN: '300ms',
    BERTH_INTERVAL: '1s',
    ...env,
  });

  const write: DeployWorld['write'] = (deployments) =>
    berth.commit({ 'deployments.yaml': stringify({ deployments }) });

  const containers: DeployWorld['containers'] = async (deployment) => {
    const labels = [`label=berth.owner=${berth.owner}`, `label=berth.deployment=${deployment}`];
    const filters = labels.flatMap((label) => ['--filter', label]);
    const { stdout } = await run('docker', ['ps', '--all', '--quiet', ...filters]);
    const ids = stdout.split('\n').filter((id) => id !== '');
    if (ids.length === 0) return [];
    const inspected = JSON.parse((await run('docker', ['inspect', ...ids])).stdout);
    return (inspected as Docker.ContainerInspectInfo[]).sort((a, b) => (a.Created < b.Created ? -1 : 1));
  };

  return {
    ...{ berth, server, image, write, containers },
    repo: (name) => ({ ...makeRepo(join(root, name)), url: `${server.url}/${name}` }),
    async deploy(entries) {
      const commit = await write(entries);
      await berth.until('the commit is in force', ({ desired }) => desired?.commit === commit);
      return berth.converged();
    },
    async found(deployment, commit) {
      await berth.until(`a poll finds ${commit.slice(0, 7)}`, (report) =>
        commitsOf(report, deployment).includes(commit),
      );
      return berth.converged();
    },
    async container(deployment, service) {
      const found = (await containers(deployment)).filter(
        ({ Config }) => service === undefined || Config.Labels['berth.service'] === service,
      );
      const [only] = found;
      if (!only || found.length > 1) throw new Error(`${found.length} containers of ${deployment}`);
      return only;
    },
    async haltByHand(container, how) {
      if (!container) throw new Error('there is no such container');
      const before = berth.effects.length;
      const started = `engine.start ${container.Name.slice(1)}`;
      await run('docker', how === 'kill' ? ['kill', container.Id] : ['rm', '--force', container.Id]);
      await berth.until('it is started again', () => berth.effects.slice(before).includes(started));
      const during = berth.session.runner.last;
      await berth.until('that pass has ended', (report) => report !== during);
      await berth.converged();
    },
    body: async (hostname, path, port) => (await berth.get(hostname, path, port)).body,
    async end() {
      try {
        await berth.tearDown();
      } finally {
        await server.close();
        await rm(root, { recursive: true, force: true });
      }
    },
  };
}

function commitsOf({ desired }: Report, deployment: string): readonly string[] {
  const services = desired?.deployments.find(({ name }) => name === deployment)?.services ?? [];
  return services.flatMap(({ version }) =>
    version?.image.from.kind === 'build' ? [version.image.from.commit] : [],
  );
}

/** Environment of a container, as the engine has it. */
export function envOf({ Config }: Docker.ContainerInspectInfo): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Config.Env.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

/** Posts so many bytes; nginx may refuse them before it has read them all. */
export function post(berth: Berth, hostname: string, bytes: number): Promise<string> {
  const { host, port } = berth.settings.http;
  return new Promise((resolve, reject) => {
    const headers = { host: hostname, 'content-length': bytes };
    const asked = request({ host, port, method: 'POST', headers, agent: false }, async (answer) => {
      const chunks: Buffer[] = [];
      for await (const chunk of answer) chunks.push(chunk);
      resolve(`${answer.statusCode} ${Buffer.concat(chunks)}`);
    });
    asked.on('error', reject);
    asked.end(Buffer.alloc(bytes));
  });
}

/** Asks again and again until stopped; tells every answer that was not 200, and every socket error. */
export function askAllTheTime(
  berth: Berth,
  hostname: string,
  options: { readonly port?: number; readonly path?: string } = {},
): { stop(): Promise<{ readonly asked: number; readonly failed: readonly string[] }> } {
  let going = true;
  let asked = 0;
  const failed: string[] = [];
  const ask = async (): Promise<void> => {
    while (going) {
      asked += 1;
      await berth.get(hostname, options.path ?? '/', options.port).then(
        ({ status, body }) => {
          if (status !== 200) failed.push(`${status} ${body.slice(0, 80)}`);
        },
        (error: unknown) => failed.push(String(error)),
      );
      await sleep(5);
    }
  };
  const ended = ask();
  return {
    async stop() {
      going = false;
      await ended;
      return { asked, failed };
    },
  };
}
