/** Ports that vhosts listen on: nginx drops a whole configuration when it can't have one of them. */
import { createServer } from 'node:net';

/** `host:port` of each `listen` in a vhost of ours. */
export function listensIn(text: string): readonly string[] {
  return [...text.matchAll(/^\s*listen ([^\s;]+)/gm)].flatMap(([, address]) => address ?? []);
}

/** Whether another process listens there, found by listening there for a moment. */
export function isTaken(address: string): Promise<boolean> {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[|\]$/g, '');
  const port = Number(address.slice(at + 1));
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EADDRINUSE'));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(false)));
  });
}
