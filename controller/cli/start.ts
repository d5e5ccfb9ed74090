/** `berth start`: the loop and the API until SIGTERM. */
import { createServer } from 'node:http';
import { createApp } from '../api/app.ts';
import { messageOf } from '../core/errors.ts';
import { explainHold } from '../core/explain.ts';
import type { Report } from '../loop/reconcile.ts';
import { statusOf, troubles } from '../loop/status.ts';
import { startTriggers } from '../loop/triggers.ts';
import type { Settings } from '../settings.ts';
import { adminHash } from './admin.ts';
import type { Io, JsonOption } from './io.ts';
import { openSession, type Session } from './session.ts';

/** How long a pass under way may take to end after SIGTERM. */
const STOP_MS = 10_000;

/** Runs until SIGTERM or SIGINT; then the step under way ends, and sites go on without the controller. */
export async function start(settings: Settings, { io }: JsonOption & { readonly io: Io }): Promise<number> {
  const stop = new AbortController();
  const told = new Set<string>();
  const onReport = (report: Report): void => announce(report, settings, session, told);
  const session = await openSession(settings, { onReport, write: (line) => io.print(line.trimEnd()) });
  const { log, runner, real } = session;
  const end = (): void => stop.abort();
  process.once('SIGTERM', end).once('SIGINT', end);
  void session.lost.then(() => {
    log.error(
      'the lock file was removed or replaced: ending, so that no two controllers work on one data dir',
    );
    end();
  });
  const api = await listen(settings, session);
  try {
    await adminHash(settings, { step: real.clients.step, tell: (line) => io.print(line) });
    log.info(`berth ${settings.owner} looks at ${settings.configRepo}, API on http://${at(settings.listen)}`);
    startTriggers(real, { intervalMs: settings.intervalMs, poke: runner.poke, log }, stop.signal);
    const passes = runner.run(stop.signal);
    stop.signal.addEventListener('abort', () => setTimeout(() => process.exit(1), STOP_MS).unref());
    await passes;
  } finally {
    api.close();
    api.closeAllConnections();
    process.off('SIGTERM', end).off('SIGINT', end);
    await session.close();
  }
  log.info('stopped; the sites go on');
  return 0;
}

function at({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

async function listen(
  settings: Settings,
  { runner, real, log }: Session,
): Promise<ReturnType<typeof createServer>> {
  const app = createApp({
    health: () => {
      const reasons = troubles(runner.last, real.backoff.errors());
      return { ok: reasons.length === 0, reasons };
    },
    onError: (error) => log.error(messageOf(error)),
  });
  const server = createServer(app.callback());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        new Error(`BERTH_LISTEN=${at(settings.listen)} can't be listened on (${cause.code}): set another`, {
          cause,
        }),
      ),
    );
    server.listen(settings.listen.port, settings.listen.host, resolve);
  });
  return server;
}

/** Says once when a deployment begins to run, and each new error once. */
function announce(report: Report, settings: Settings, { log, real }: Session, told: Set<string>): void {
  const lines = new Map<string, 'info' | 'warn'>();
  for (const message of troubles(report, real.backoff.errors())) lines.set(message, 'warn');
  for (const { message } of report.problems) lines.set(message, 'warn');
  for (const { name, status, hostnames, error } of statusOf(report, real.backoff.errors())) {
    if (error !== undefined && lines.has(error)) continue;
    if (error !== undefined) lines.set(`deployment ${name} ${status}: ${error}`, 'warn');
    else if (status === 'running')
      lines.set(`deployment ${name} runs: ${urlOf(hostnames[0], settings)}`.trimEnd(), 'info');
  }
  const { plan, desired } = report;
  if (plan && desired && plan.held.length > 0) lines.set(explainHold(plan.held, desired.commit), 'warn');
  for (const [line, level] of lines) if (!told.has(line)) log[level](line);
  told.clear();
  for (const line of lines.keys()) told.add(line);
}

function urlOf(hostname: string | undefined, { http }: Settings): string {
  if (hostname === undefined) return 'internal only';
  return http.port === 80 ? `http://${hostname}` : `http://${hostname}:${http.port}`;
}
