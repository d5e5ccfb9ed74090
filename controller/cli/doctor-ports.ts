/** Is an address free, or held by a Berth that is running? Anything else on it would keep us from starting. */
import { request } from 'node:http';
import { createServer } from 'node:net';
import { generationHost } from '../clients/nginx/config.ts';
import type { Finding } from './finding.ts';

const TIMEOUT_MS = 2000;

export interface Place {
  readonly host: string;
  readonly port: number;
  /** Setting that moves it. */
  readonly variable: string;
  /** Whose nginx counts as ours. */
  readonly owner: string;
}

/** Binds the address for a moment; a busy one is asked who it is. */
export async function portFinding(name: string, { host, port, variable, owner }: Place): Promise<Finding> {
  const shown = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const code = await bindError(host, port);
  if (code === undefined) return { name, ok: true, found: `${shown} is free` };
  if (code === 'EACCES')
    return {
      name,
      ok: false,
      found: `${shown} needs root`,
      mend: `run as root, or set ${variable} to a port from 1024 on`,
    };
  if (code === 'EADDRNOTAVAIL')
    return {
      name,
      ok: false,
      found: `${host} is no address of this machine`,
      mend: `set ${variable} to one`,
    };
  if (code === 'EADDRINUSE' && (await isBerth(host, port, owner)))
    return { name, ok: true, found: `${shown} is held by berth` };
  const mend = `stop what listens there (\`ss -ltnp\` names it), or set ${variable}`;
  return { name, ok: false, found: `${shown} is taken (${code})`, mend };
}

function bindError(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** The controller answers `/healthz` with `ok`; its nginx answers a name that only it knows, with its generation and pid. */
function isBerth(host: string, port: number, owner: string): Promise<boolean> {
  const near = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const headers = { host: generationHost(owner) };
  return new Promise((resolve) => {
    const options = { host: near, port, path: '/healthz', headers, agent: false, timeout: TIMEOUT_MS };
    const ask = request(options, (answer) => {
      let text = '';
      answer.on('data', (chunk) => {
        text = (text + chunk).slice(0, 4096);
      });
      answer.on('end', () => resolve(/^\{"ok":(true|false)|^[0-9a-f]{8,64} \d+\s*$/.test(text)));
      answer.on('error', () => resolve(false));
    });
    ask.on('timeout', () => ask.destroy());
    ask.on('error', () => resolve(false));
    ask.on('close', () => resolve(false));
    ask.end();
  });
}
