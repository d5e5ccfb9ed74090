import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { listeners } from './listeners.ts';

let server: Server;

async function listen(): Promise<number> {
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

const close = (): Promise<unknown> => new Promise((resolve) => server.close(resolve));

afterEach(close);

test('a port is held while something listens on it, and free when that has closed', async () => {
  const port = await listen();
  expect((await listeners('nginx')).others).toContain(port);
  expect((await listeners('nginx')).own).not.toContain(port);
  await close();
  expect((await listeners('nginx')).others).not.toContain(port);
});

test('what processes of the name listen on is told apart', async () => {
  const name = (await readFile('/proc/self/comm', 'utf8')).trim();
  const port = await listen();
  expect((await listeners(name)).own).toContain(port);
  expect((await listeners(name)).others).not.toContain(port);
});
