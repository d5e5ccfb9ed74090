/**
 * Builds an image from a tar stream, with BuildKit where the engine has it. What the engine can't do for us, and so is
 * documented instead: build args are part of the request's URL (so they may hold no secret), and BuildKit has no memory
 * limit per build: `memoryBytes` holds for the classic builder only.
 */
import type { Readable } from 'node:stream';
import { StalledError, TransientError } from '../../core/errors.ts';
import { openSession } from './docker-build-session.ts';
import { readBuild } from './docker-build-trace.ts';
import { ask, type Connection } from './docker-connection.ts';
import { clean, engineError, statusOf, wordsOf } from './docker-errors.ts';
import { findImage } from './docker-images.ts';
import { LABEL } from './labels.ts';
import { normaliseReference } from './reference.ts';
import type { BuildOptions, Engine, EngineInfo } from './types.ts';

/** The first API version whose BuildKit was proven here: that of Docker 20.10. */
const BUILDKIT_API = [1, 41] as const;

export function dockerBuild(connection: Connection, classic: boolean): Pick<Engine, 'info' | 'build'> {
  async function info(): Promise<EngineInfo> {
    const version = await ask(connection, 'asking its version', () => connection.calls.version());
    const [major = 0, minor = 0] = String(version.ApiVersion).split('.').map(Number);
    const recent = major > BUILDKIT_API[0] || (major === BUILDKIT_API[0] && minor >= BUILDKIT_API[1]);
    return { version: String(version.Version), buildkit: !classic && recent && version.Os === 'linux' };
  }

  return {
    info,
    async build(context, options, onLine, signal) {
      const stop = new AbortController();
      const abort = () => stop.abort();
      signal.addEventListener('abort', abort, { once: true });
      const spoiled = watchContext(context, abort);
      try {
        signal.throwIfAborted();
        const { buildkit } = await info();
        await connection.step(`engine.build ${options.tag}`, () =>
          build(connection, { context, options, buildkit, signal: stop.signal }, onLine),
        );
      } catch (error) {
        signal.throwIfAborted();
        throw spoiled() ?? buildError(error, options.tag, connection.host);
      } finally {
        signal.removeEventListener('abort', abort);
        context.destroy();
      }
    },
  };
}

interface Build {
  readonly context: Readable;
  readonly options: BuildOptions;
  readonly buildkit: boolean;
  readonly signal: AbortSignal;
}

async function build(
  connection: Connection,
  job: Build,
  onLine: Parameters<Engine['build']>[2],
): Promise<void> {
  const { options, buildkit, signal } = job;
  signal.throwIfAborted();
  const session = buildkit ? await openSession(connection.streams) : undefined;
  try {
    signal.throwIfAborted();
    const query = {
      ...buildQuery(options, connection.owner),
      ...(session && { version: '2', session: session.id }),
    };
    const stream = await dialBuild(connection, job, query);
    const { imageId, error, lastWords } = await readBuild(stream, onLine);
    if (error !== undefined) {
      const words = lastWords.length > 0 ? `; it said: ${lastWords.join(' / ')}` : '';
      throw new StalledError(`build of ${options.tag} failed: ${clean(error)}${clean(words)}`);
    }
    signal.throwIfAborted();
    if (imageId === undefined || !(await findImage(connection, options.tag))) {
      throw new TransientError(`build of ${options.tag} ended without an image; it is tried again`);
    }
  } finally {
    session?.close();
  }
}

function buildQuery(options: BuildOptions, owner: string): Record<string, unknown> {
  return {
    t: normaliseReference(options.tag),
    dockerfile: options.dockerfile,
    labels: { ...options.labels, [LABEL.owner]: owner },
    ...(options.target !== undefined && { target: options.target }),
    ...(options.args && { buildargs: options.args }),
    memory: options.memoryBytes,
    memswap: options.memoryBytes,
    // Without these the classic builder leaves the containers of its steps behind.
    rm: true,
    forcerm: true,
  };
}

/** `docker.buildImage` leaves its session open when a build is aborted or refused, so the call is made here. */
function dialBuild({ streams }: Connection, job: Build, query: Record<string, unknown>): Promise<Readable> {
  const modem = streams.modem as {
    dial(options: unknown, done: (error: unknown, stream: Readable) => void): void;
  };
  const request = {
    path: '/build?',
    method: 'POST',
    file: job.context,
    options: query,
    abortSignal: job.signal,
    isStream: true,
    statusCodes: { 200: true, 400: 'bad parameter', 500: 'server error' },
  };
  return new Promise((resolve, reject) => {
    modem.dial(request, (error, stream) => (error ? reject(error) : resolve(stream)));
  });
}

/**
 * Calls `onSpoiled` when the context fails or ends half-way, and keeps what it failed with: a stream that broke before it
 * is sent would never end the call, and the engine's own words about one are only that it broke.
 */
function watchContext(context: Readable, onSpoiled: () => void): () => unknown {
  let error: unknown = context.errored ?? undefined;
  context.on('error', (cause) => {
    error = cause;
    onSpoiled();
  });
  context.on('close', () => {
    if (!context.readableEnded) onSpoiled();
  });
  if (context.destroyed) onSpoiled();
  return () => error;
}

/** A Dockerfile that the classic builder can't parse or find is an HTTP error, with 400 or 500. */
function buildError(error: unknown, tag: string, host: string): unknown {
  const status = statusOf(error);
  if (status !== 400 && !(status === 500 && /dockerfile/i.test(wordsOf(error)))) {
    return engineError(error, `building ${tag}`, host);
  }
  return new StalledError(`build of ${tag} failed: ${wordsOf(error)}`, { cause: error });
}
