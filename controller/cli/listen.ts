/** The API on its socket, with the limits that keep whoever connects from holding more than his share. */
import { createServer, type Server } from 'node:http';
import { type AppDeps, createApp } from '../api/app.ts';
import { messageOf, StalledError } from '../core/errors.ts';
import { createHints } from '../loop/hints.ts';
import { troubles } from '../loop/status.ts';
import type { Settings } from '../settings.ts';
import type { Session } from './session.ts';

/** Headers in 10 s, a whole request in 30 s (looked after every 5 s), 16 KiB of headers. */
const LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5000,
  maxHeaderSize: 16 * 1024,
};

/** Each is a file descriptor; the sites do not need these, nginx has its own. */
const MAX_CONNECTIONS = 2000;

/** Listens on `BERTH_LISTEN` until it is closed; what it has others do ends with the signal. Throws StalledError when it can't. */
export async function listen(settings: Settings, session: Session, signal: AbortSignal): Promise<Server> {
  const server = createServer(LIMITS, createApp(deps(settings, session, signal)).callback());
  server.maxConnections = MAX_CONNECTIONS;
  const { host, port } = settings.listen;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const message = `BERTH_LISTEN=${addressOf(settings.listen)} can't be listened on (${cause.code}): set another`;
      reject(new StalledError(message, { cause }));
    });
    server.listen(port, host, resolve);
  });
  return server;
}

/** As it stands in a URL. */
export function addressOf({ host, port }: Settings['listen']): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function deps(settings: Settings, { runner, real, log }: Session, signal: AbortSignal): AppDeps {
  const { configRepo, configBranch, github } = settings;
  const { config, sources } = real;
  const hints = createHints({ config, configRepo, configBranch, sources, poke: runner.poke, log }, signal);
  const secret = github.webhookSecret;
  return {
    health: () => {
      const reasons = troubles(runner.last, real.backoff.errors());
      return { ok: reasons.length === 0, reasons };
    },
    onError: (error) => log.error(messageOf(error)),
    ...(secret !== undefined && { webhook: { secret, hints, log } }),
  };
}
