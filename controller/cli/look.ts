/** What a pass would see and do, as a dry run: it may be made beside a running controller, and leaves no trace. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readStore } from '../clients/store.ts';
import { StalledError } from '../core/errors.ts';
import type { Step } from '../core/step.ts';
import { createLog } from '../log.ts';
import { type Report, reconcile } from '../loop/reconcile.ts';
import { createWorld } from '../loop/world.ts';
import type { Settings } from '../settings.ts';
import type { Io } from './io.ts';

/** Longest wait for repos to be looked at and for running instances to answer a probe. */
const LOOK_MS = 60_000;
const PROBE_MS = 3_000;

/** The report of one pass that wrote nothing. Throws `StalledError` where there is no config repo yet. */
export async function look(settings: Settings, io: Io): Promise<Report> {
  if (settings.embedded && !existsSync(settings.configRepo))
    throw new StalledError(
      `there is no config repo at ${settings.configRepo} yet: \`berth start\` makes one`,
    );
  const cacheDir = await mkdtemp(join(tmpdir(), 'berth-plan-'));
  try {
    return await lookWith(settings, cacheDir, io);
  } finally {
    await rm(cacheDir, { recursive: true, force: true });
  }
}

/** A dry run ends at the first write; only what is read from repos goes to a folder of its own. */
async function lookWith(settings: Settings, cacheDir: string, io: Io): Promise<Report> {
  const store = await readStore(join(settings.dataDir, 'state.json'));
  const step: Step = (label, effect) => {
    const allowed = label.startsWith('git.');
    return allowed ? effect() : Promise.reject(new Error(`a plan may not write: ${label}`));
  };
  const log = createLog('warn', (line) => io.complain(line.trimEnd()));
  const real = await createWorld(settings, { store, step, log, poke: () => {}, dryRun: true, cacheDir });
  const signal = AbortSignal.timeout(LOOK_MS);
  try {
    await reconcile(real.world, signal);
    await Promise.all([real.sources.settle(signal), real.clients.edge?.settle(signal)]);
    const until = performance.now() + PROBE_MS;
    let report = await reconcile(real.world, signal);
    while ((asksYet(report) || looksYet(report)) && performance.now() < until) {
      await sleep(50);
      report = await reconcile(real.world, signal);
    }
    return report;
  } finally {
    await real.close();
  }
}

/** Some instance that runs has not been asked yet whether it answers. */
function asksYet({ observed }: Report): boolean {
  const { instance } = observed;
  if ('uncertain' in instance) return false;
  return instance.some(({ state, ready, detail }) => state === 'running' && !ready && detail === undefined);
}

/** What some service is to run is still being found out. */
function looksYet({ desired }: Report): boolean {
  const services = desired?.deployments.flatMap((deployment) => deployment.services) ?? [];
  return services.some(({ unknown }) => unknown?.failed === false);
}
