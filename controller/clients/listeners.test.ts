import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { busyPorts } from './listeners.ts';

test('a port is busy while something listens on it, and free when that has closed', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  expect((await busyPorts('nginx')).has(port)).toBe(true);
  await new Promise((resolve) => server.close(resolve));
  expect((await busyPorts('nginx')).has(port)).toBe(false);
});

test('what processes of the excepted name listen on is not busy', async () => {
  const { readFile } = await import('node:fs/promises');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const own = (await readFile('/proc/self/comm', 'utf8')).trim();
  expect((await busyPorts(own)).has(port)).toBe(false);
  await new Promise((resolve) => server.close(resolve));
});
