/** A unix socket in front of the engine's own that is taken away, or answers what no engine would. */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type EngineFault = 'html' | 'partial' | 'refuses';

export interface EngineProxy {
  /** For `DOCKER_HOST`. */
  readonly url: string;
  /** `GET /containers/json?all=1 HTTP/1.1`, oldest first. */
  readonly requests: string[];
  /** What every request gets from now on, until `mend`. */
  spoil(fault: EngineFault): void;
  mend(): void;
  /** As when the daemon is stopped: open connections are cut and the socket is gone. */
  takeAway(): Promise<void>;
  bringBack(): Promise<void>;
  close(): Promise<void>;
}

const HTML = '<!doctype html><title>Welcome</title>';

const ANSWERS: Readonly<Record<EngineFault, string>> = {
  html: `HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: ${HTML.length}\r\nconnection: close\r\n\r\n${HTML}`,
  // Cut off within the first row, as by a daemon that was killed while it wrote.
  partial:
    'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n9\r\n[{"Id":"a\r\n',
  refuses:
    'HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/json\r\ncontent-length: 26\r\nconnection: close\r\n\r\n{"message":"disk failure"}',
};

/** Up at once, unless `up` is false. Clients must use one connection per request, as Berth's do. */
export async function engineProxy({ up = true, target = '/var/run/docker.sock' } = {}): Promise<EngineProxy> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-engine-'));
  const path = join(dir, 'docker.sock');
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  let fault: EngineFault | undefined;
  let server: Server | undefined;

  const serve = (client: Socket): void => {
    sockets.add(client);
    client.on('error', () => client.destroy());
    client.on('close', () => sockets.delete(client));
    client.once('data', (chunk) => {
      requests.push(chunk.toString('latin1').split('\r\n', 1)[0] ?? '');
      if (fault !== undefined) return client.end(ANSWERS[fault]);
      const engine = connect({ path: target, allowHalfOpen: true });
      engine.write(chunk);
      client.pipe(engine).pipe(client);
      engine.on('error', () => client.destroy());
      engine.on('close', () => client.destroy());
      client.on('close', () => engine.destroy());
    });
  };
  const bringBack = async (): Promise<void> => {
    const listening = createServer({ allowHalfOpen: true }, serve);
    server = listening;
    await new Promise<void>((resolve) => listening.listen(path, resolve));
  };
  const takeAway = async (): Promise<void> => {
    server?.close();
    for (const socket of sockets) socket.destroy();
    await rm(path, { force: true });
  };
  if (up) await bringBack();
  return {
    url: `unix://${path}`,
    requests,
    bringBack,
    takeAway,
    spoil: (next) => {
      fault = next;
    },
    mend: () => {
      fault = undefined;
    },
    async close() {
      await takeAway();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
