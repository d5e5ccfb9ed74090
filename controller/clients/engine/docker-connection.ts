/**
 * Two clients of one Docker Engine: `calls`, where everything ends within a time limit, and `streams` (events, logs,
 * builds), where a time limit would cut a quiet stream. Connections are not kept for the next call, since one that the
 * engine closed meanwhile would fail a call that may not be safe to repeat.
 */
import http from 'node:http';
import Docker from 'dockerode';
import { StalledError, TransientError } from '../../core/errors.ts';
import type { Step } from '../../core/step.ts';
import { agentForCalls } from './docker-broken.ts';
import { engineError } from './docker-errors.ts';

export interface Connection {
  readonly calls: Docker;
  readonly streams: Docker;
  /** As it is shown in errors. */
  readonly host: string;
  readonly owner: string;
  readonly step: Step;
  /** Told of what fails in the background, where nobody waits for it. */
  readonly onError: (error: unknown) => void;
  readonly timeoutMs: number;
}

export interface ConnectionOptions {
  /** A path, or `unix://…`, `tcp://…`. */
  readonly dockerHost: string;
  readonly owner: string;
  readonly step: Step;
  readonly onError?: (error: unknown) => void;
  /** Of one ordinary call. */
  readonly timeoutMs?: number;
}

/** Reads `dockerHost`; makes no call. Throws StalledError when it is malformed. */
export function connect(options: ConnectionOptions): Connection {
  const { dockerHost, owner, step, onError = warn, timeoutMs = 30_000 } = options;
  const { target, host } = address(dockerHost);
  return {
    calls: new Docker({ ...target, agent: agentForCalls(), timeout: timeoutMs } as Target),
    streams: new Docker({ ...target, timeout: undefined }),
    host,
    owner,
    step,
    onError,
    timeoutMs,
  };
}

/** One ordinary call: ends within the time limit, and throws what the loop can act on. */
export async function ask<T>(connection: Connection, doing: string, call: () => Promise<T>): Promise<T> {
  const { host, timeoutMs } = connection;
  let timer: NodeJS.Timeout | undefined;
  // The client's own limit is on silence only.
  const late = new Promise<never>((_resolve, reject) => {
    const seconds = Math.ceil(timeoutMs / 1000);
    const error = new TransientError(
      `docker engine at ${host} was ${doing} for more than ${seconds} s; see its log`,
    );
    timer = setTimeout(() => reject(error), timeoutMs);
  });
  try {
    return await Promise.race([call(), late]);
  } catch (error) {
    throw engineError(error, doing, host);
  } finally {
    clearTimeout(timer);
  }
}

/** A list is a list, or it is not certain what there is. */
export async function askList<T>(
  connection: Connection,
  doing: string,
  call: () => Promise<T[]>,
): Promise<T[]> {
  const rows = await ask(connection, doing, call);
  if (Array.isArray(rows)) return rows;
  throw new TransientError(
    `docker engine at ${connection.host} answered ${doing} with something else than a list`,
  );
}

/** The engine's answer, or undefined where it says 404. */
export async function askMaybe<T>(
  connection: Connection,
  doing: string,
  call: () => Promise<T>,
): Promise<T | undefined> {
  return ask(connection, doing, () =>
    call().catch((error) => {
      if ((error as { statusCode?: unknown }).statusCode === 404) return undefined;
      throw error;
    }),
  );
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}

/** The types of dockerode don't know that its client takes an agent. */
type Target = Docker.DockerOptions & { readonly agent: http.Agent };

function address(dockerHost: string): { target: Target; host: string } {
  const agent = new http.Agent({ keepAlive: false });
  if (dockerHost.startsWith('/') || dockerHost.startsWith('unix://')) {
    const socketPath = dockerHost.replace(/^unix:\/\//, '');
    // Each undefined keeps the client from taking that value from the environment.
    const unset = {
      host: undefined,
      port: undefined,
      protocol: undefined,
      ca: undefined,
      cert: undefined,
      key: undefined,
    };
    return { target: { ...unset, socketPath, agent }, host: socketPath };
  }
  const url = URL.canParse(dockerHost) ? new URL(dockerHost) : undefined;
  if (!url?.hostname || !['tcp:', 'http:'].includes(url.protocol)) {
    throw new StalledError('DOCKER_HOST must be a path, unix:///path or tcp://host:port');
  }
  const port = url.port || '2375';
  return {
    target: { host: url.hostname, port, protocol: 'http', agent },
    host: `tcp://${url.hostname}:${port}`,
  };
}
