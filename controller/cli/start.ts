/** `berth start`: the loop and the API until SIGTERM. */
import type { Report } from '../loop/reconcile.ts';
import { siteUrl } from '../loop/site-url.ts';
import { startTriggers } from '../loop/triggers.ts';
import type { Settings } from '../settings.ts';
import { adminHash } from './admin.ts';
import type { Io, JsonOption } from './io.ts';
import { addressOf, listen } from './listen.ts';
import { loggedIn, newsOf } from './news.ts';
import { openSession } from './session.ts';

/** Cloudflare may take this long to be seen before the first pass goes on without. */
const FIRST_LOOK_MS = 2000;

/** How long a pass under way may take to end after SIGTERM. */
const STOP_MS = 10_000;

/** Runs until SIGTERM or SIGINT; then the step under way ends, and sites go on without the controller. */
export async function start(
  settings: Settings,
  { json, io }: JsonOption & { readonly io: Io },
): Promise<number> {
  const stop = new AbortController();
  let told: ReadonlyMap<string, unknown> = new Map();
  const onReport = (report: Report): void => {
    const news = newsOf(report, real.backoff.errors(), settings);
    const logged = loggedIn(report);
    for (const [line, level] of news) {
      const isNew = !told.has(line) && ![...logged].some((error) => line.endsWith(error));
      if (isNew) log[level](line);
    }
    told = news;
  };
  const write = (line: string): void => io.print(line.trimEnd());
  const session = await openSession(settings, { onReport, write, logForm: json ? 'json' : 'plain' });
  const { log, runner, real } = session;
  const end = (): void => stop.abort();
  process.once('SIGTERM', end).once('SIGINT', end);
  void session.lost.then(() => {
    log.error(
      'the lock file was removed or replaced: ending, so that no two controllers work on one data dir',
    );
    end();
  });
  const api = await listen(settings, session, stop.signal).catch(async (error: unknown) => {
    await session.close();
    throw error;
  });
  try {
    await adminHash(settings, {
      step: real.clients.step,
      tell: (message) => io.print(json ? JSON.stringify({ message }) : message),
    });
    for (const line of greeting(settings)) log.info(line);
    startTriggers(real, { intervalMs: settings.intervalMs, poke: runner.poke, log }, stop.signal);
    // The first pass then sees Cloudflare too, and need not tell that it could not yet.
    await real.clients.edge?.settle(AbortSignal.timeout(FIRST_LOOK_MS));
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

/** Where everything is: what to edit, where the sites answer, whom to ask. */
function greeting(settings: Settings): readonly string[] {
  const { owner, configRepo, configBranch, configFile, embedded, domain } = settings;
  return [
    `berth (owner ${owner}) looks at ${configFile} on branch ${configBranch} of ${configRepo}`,
    ...(embedded ? [`to change what runs: edit ${configRepo}/${configFile} and commit`] : []),
    `sites answer at ${siteUrl(`<name>.${domain}`, settings)}, health at http://${addressOf(settings.listen)}/healthz`,
  ];
}
