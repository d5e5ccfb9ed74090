import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type AppDeps, createApp } from './app.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serve(deps: AppDeps): Promise<string> {
  const listening = createServer(createApp(deps).callback());
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
}

test('a healthy controller answers 200', async () => {
  const url = await serve({ health: () => ({ ok: true, reasons: [] }) });
  const answer = await fetch(`${url}/healthz`);
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({ ok: true });
  expect(answer.headers.get('x-powered-by')).toBeNull();
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect((await fetch(`${url}/healthz`, { method: 'HEAD' })).status).toBe(200);
});

test('an ill one answers 503 with its reasons, and 200 again once it is well', async () => {
  const reasons = ['docker engine can not be reached at /var/run/docker.sock'];
  let ok = false;
  const url = await serve({ health: () => ({ ok, reasons: ok ? [] : reasons }) });
  const answer = await fetch(`${url}/healthz`);
  expect(answer.status).toBe(503);
  expect(await answer.json()).toEqual({ ok: false, reasons });
  ok = true;
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});

test('what does not exist is a JSON error', async () => {
  const url = await serve({ health: () => ({ ok: true, reasons: [] }) });
  for (const path of ['/', '/healthz/', '/api/deployments', '/../../etc/passwd', '/%00', '/%E0%A4%A']) {
    const answer = await fetch(url + path);
    expect(answer.status, path).toBe(404);
    expect(await answer.json()).toEqual({ error: { code: 'not-found', message: 'there is nothing here' } });
  }
});

test('another method than GET is told which one is right', async () => {
  const url = await serve({ health: () => ({ ok: true, reasons: [] }) });
  const answer = await fetch(`${url}/healthz`, { method: 'POST', body: 'x' });
  expect(answer.status).toBe(405);
  expect(answer.headers.get('allow')).toBe('GET, HEAD');
});

test('a bug is told to the log and never to the client', async () => {
  const told: unknown[] = [];
  const url = await serve({
    health: () => {
      throw new Error('canary in a message');
    },
    onError: (error) => told.push(error),
  });
  const answer = await fetch(`${url}/healthz`);
  expect(answer.status).toBe(500);
  const text = await answer.text();
  expect(text).not.toContain('canary');
  expect(text).not.toContain('app.ts');
  expect(told).toHaveLength(1);
});
