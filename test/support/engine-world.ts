/** What tests of an engine share: a server to run, an instance to ask for, and the sweep afterwards. */
import { once } from 'node:events';
import http from 'node:http';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import type { Engine } from '../../controller/clients/engine/types.ts';
import type { InstanceSpec, InstanceWant } from '../../controller/core/types.ts';

export interface EngineUnderTest {
  readonly engine: Engine;
  /** Unique: deployments of the test start with it. */
  readonly name: string;
  readonly image: string;
}

/** A server that says what it was given; it ends on SIGTERM. */
export const SERVER = `
  process.on('SIGTERM', () => process.exit(0));
  console.log('listening'); console.error('warning');
  require('http').createServer((q, r) => r.end(JSON.stringify(process.env))).listen(process.env.PORT);`;

/** Body of `GET /` on a published port, without keeping the connection. */
export async function get(port: number): Promise<string> {
  const request = http.get({ host: '127.0.0.1', port, agent: false });
  const [response] = (await once(request, 'response')) as [Readable];
  return (await buffer(response)).toString();
}

/** An instance of the test's deployment; `overrides` go over its spec. */
export function instance(
  { name, image }: EngineUnderTest,
  hash: string,
  port: number | undefined,
  overrides: Partial<InstanceSpec> = {},
): InstanceWant {
  const spec: InstanceSpec = {
    image,
    command: ['node', '-e', SERVER],
    env: {},
    listen: 3000,
    health: { intervalMs: 1_000, timeoutMs: 60_000 },
    routed: true,
    volumes: {},
    memoryBytes: 128 * 2 ** 20,
    pids: 64,
    ...overrides,
  };
  return {
    key: `${name}-web-${hash}`,
    deployment: name,
    service: 'web',
    hash,
    commit: 'c0ffee',
    spec,
    network: `berth-${name}`,
    ...(port !== undefined && { port }),
    why: 'test',
  };
}

/** Removes everything of that owner. */
export async function sweep(engine: Engine, deployment: string): Promise<void> {
  for (const { key } of await engine.instances()) await engine.remove(key);
  for (const { key } of await engine.networks()) await engine.removeNetwork(key);
  for (const { key } of await engine.volumes()) await engine.removeVolume(key);
  for (const row of await engine.images()) {
    if (row.deployment.startsWith(deployment)) await engine.removeImage(row.key);
  }
}

/** Regular files by name, without the leading `./`. */
export async function untar(tar: Readable): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const reading = tar.pipe(extract());
  tar.on('error', (error) => reading.destroy(error));
  for await (const entry of reading) {
    const content = await buffer(entry);
    if (entry.header.type === 'file') files.set(entry.header.name.replace(/^\.\//, ''), content);
  }
  return files;
}
