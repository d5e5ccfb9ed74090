/** RELIABILITY B97: however much anybody sends, memory stays where it was. The sender is a process of its own. */
import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createApp } from '../../controller/api/app.ts';

const MIB = 2 ** 20;

/** Sends a gigabyte in chunks, as fast as it is taken, `count` times at once; prints the statuses. */
const SENDER = `
  const { request } = require('node:http');
  const [port, signature, count] = process.argv.slice(1);
  const block = Buffer.alloc(65536, 120);
  const post = () => new Promise((resolve) => {
    const headers = { 'content-type': 'application/json', 'x-github-event': 'push', 'x-github-delivery': 'x' };
    if (signature !== 'none') headers['x-hub-signature-256'] = signature;
    const asked = request({ host: '127.0.0.1', port, path: '/webhooks/github', method: 'POST', headers });
    let status = 'reset';
    asked.on('response', (answer) => { status = answer.statusCode; answer.resume(); });
    asked.on('error', () => {});
    asked.on('close', () => resolve(status));
    let left = 16384;
    const more = () => {
      while (left > 0 && !asked.destroyed) { left -= 1; if (!asked.write(block)) return asked.once('drain', more); }
      if (!asked.destroyed) asked.end();
    };
    more();
  });
  Promise.all(Array.from({ length: Number(count) }, post)).then((all) => console.log(all.join(' ')));
`;

let server: Server;

beforeEach(async () => {
  const webhook = {
    ...{ secret: 'a secret of the webhook', hints: { push: () => undefined } },
    log: { debug: () => undefined, warn: () => undefined },
  };
  server = createServer(createApp({ health: () => ({ ok: true, reasons: [] }), webhook }).callback());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** The answers, and by how many bytes memory grew at most while they were waited for. */
async function flood(signature: string, count: number): Promise<{ answers: string; grewBytes: number }> {
  const { port } = server.address() as AddressInfo;
  const before = process.memoryUsage.rss();
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 5);
  const child = spawn(process.execPath, ['-e', SENDER, String(port), signature, String(count)]);
  let out = '';
  for await (const chunk of child.stdout) out += chunk;
  clearInterval(timer);
  return { answers: out.trim(), grewBytes: most - before };
}

test.each([
  ['that is not signed', 'none', 1, '401'],
  ['that claims to be signed', `sha256=${'a'.repeat(64)}`, 1, '413'],
  ['that claims to be signed, ten times at once', `sha256=${'a'.repeat(64)}`, 10, undefined],
])('a gigabyte %s', async (what, signature, count, status) => {
  const { answers, grewBytes } = await flood(signature, count);
  console.log(`a gigabyte ${what}: ${answers}; memory grew by ${Math.round(grewBytes / MIB)} MiB`);
  if (status) expect(answers).toBe(status);
  else expect(answers).toMatch(/^((413|503) ?){10}$/);
  expect(grewBytes).toBeLessThan(64 * MIB);
});
