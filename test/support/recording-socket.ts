/** A unix socket in front of the engine's own that notes every request line and can be made to fail. */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface RecordingSocket {
  readonly path: string;
  /** `POST /containers/create?name=x HTTP/1.1`, oldest first. */
  readonly requests: string[];
  /** Connections that are open. */
  open(): number;
  /** Cuts every connection that is open. */
  cut(): void;
  close(): Promise<void>;
}

/** Clients must use one connection per request, as Berth's do. */
export async function recordingSocket(target = '/var/run/docker.sock'): Promise<RecordingSocket> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-socket-'));
  const path = join(dir, 'docker.sock');
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const engine = connect({ path: target, allowHalfOpen: true });
    client.once('data', (chunk) => requests.push(chunk.toString('latin1').split('\r\n', 1)[0] ?? ''));
    for (const [from, to] of [
      [client, engine],
      [engine, client],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    path,
    requests,
    open: () => sockets.size,
    cut,
    async close() {
      server.close();
      cut();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
