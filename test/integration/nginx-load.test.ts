/** No visitor sees a redeploy: every answer and every socket error is counted, and there may be none that is bad. */
import { Agent, createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type NginxWorld, nginxWorld, until, web } from '../support/nginx-world.ts';

const REDEPLOYS = 30;
const CLIENTS = 24;
const DRAIN_MS = 300;

let world: NginxWorld;

beforeEach(async () => {
  world = await nginxWorld();
});

afterEach(() => world.close());

it(`${REDEPLOYS} redeploys under ${CLIENTS} keep-alive clients lose no request`, async () => {
  let instance = await startInstance();
  await show(instance);
  const stop = new AbortController();
  const failures: string[] = [];
  let answered = 0;
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (!stop.signal.aborted) {
      const failure = await fetchOnce(agent, client % 2 === 0 ? 'GET' : 'POST', client === 0 ? 2_000 : 30);
      if (failure) failures.push(failure);
      else answered += 1;
    }
    agent.destroy();
  });
  for (let redeploy = 0; redeploy < REDEPLOYS; redeploy += 1) {
    const old = instance;
    instance = await startInstance();
    await show(instance);
    await until('the old instance is drained', drained);
    stopInstance(old);
  }
  stop.abort();
  await Promise.all(clients);
  stopInstance(instance);
  console.log(`${REDEPLOYS} redeploys: ${answered} answered, ${failures.length} failed`);
  expect(failures).toEqual([]);
  expect(answered).toBeGreaterThan(1_000);
});

async function show(server: Server): Promise<void> {
  const { port } = server.address() as AddressInfo;
  const errors = await world.nginx.apply([
    { name: 'blog', text: world.text('blog', { backends: web(port) }) },
  ]);
  expect([...errors]).toEqual([]);
}

async function drained(): Promise<boolean> {
  const { sites, oldWorkers } = await world.nginx.read();
  return (sites[0]?.liveForMs ?? 0) >= DRAIN_MS && !oldWorkers;
}

/** Waits as long as it is asked to, then answers. */
async function startInstance(): Promise<Server> {
  const server = createServer(async (asked, response) => {
    asked.resume();
    await sleep(Number(new URL(asked.url ?? '/', 'http://x').searchParams.get('ms')));
    response.end('fine');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return server;
}

/** As hard as a killed container: what is in flight is cut. */
function stopInstance(server: Server): void {
  server.close();
  server.closeAllConnections();
}

/** Undefined for a 200, else what happened. */
function fetchOnce(agent: Agent, method: string, ms: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asked = request(
      {
        host: '127.0.0.1',
        port: world.http.port,
        agent,
        method,
        path: `/?ms=${ms}`,
        headers: { host: 'blog.test' },
        timeout: 10_000,
      },
      (response) => {
        response.resume();
        response.on('error', (error) => resolve(`${method} ${error.message}`));
        response.on('end', () =>
          resolve(response.statusCode === 200 ? undefined : `${method} ${response.statusCode}`),
        );
      },
    );
    asked.on('timeout', () => asked.destroy(new Error('no answer in 10 s')));
    asked.on('error', (error) => resolve(`${method} ${error.message}`));
    asked.end(method === 'POST' ? 'body' : undefined);
  });
}
