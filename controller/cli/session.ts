/** What `start` and `once` share: the data dir locked, the state open, the world made, a runner on it. */
import { join } from 'node:path';
import { takeLock } from '../clients/lock.ts';
import { openStore } from '../clients/store.ts';
import { runStep, type Step } from '../core/step.ts';
import { createLog, type LogForm, type RedactingLog } from '../log.ts';
import type { Report } from '../loop/reconcile.ts';
import { createRunner, type Runner } from '../loop/runner.ts';
import { createWorld, type RealWorld } from '../loop/world.ts';
import type { Settings } from '../settings.ts';

export interface Session {
  readonly log: RedactingLog;
  readonly real: RealWorld;
  readonly runner: Runner;
  /** Someone removed the lock file: another controller may start, so this one has to end. */
  readonly lost: Promise<void>;
  close(): Promise<void>;
}

export interface SessionOptions {
  readonly write?: (line: string) => void;
  readonly logForm?: LogForm;
  readonly onReport?: (report: Report) => void;
  readonly step?: Step;
}

/** Throws `LockHeldError` while another controller has the data dir. */
export async function openSession(settings: Settings, options: SessionOptions = {}): Promise<Session> {
  const { step = runStep, onReport } = options;
  const log = createLog(settings.log, options.write, options.logForm);
  const lock = await takeLock(settings.dataDir);
  const store = await openStore(join(settings.dataDir, 'state.json'), { warn: log.warn, step });
  let runner: Runner | undefined;
  const poke = (trigger: string): void => runner?.poke(trigger);
  const real = await createWorld(settings, { store, step, log, poke, dryRun: false });
  const recorder = { store, step, now: real.clients.now, approvals: real.approvals };
  runner = createRunner({
    world: real.world,
    backoff: real.backoff,
    recorder,
    log,
    onReport: (report) => {
      real.github?.note(report);
      onReport?.(report);
    },
  });
  return {
    log,
    real,
    runner,
    lost: lock.lost,
    async close() {
      await real.close();
      lock.release();
    },
  };
}
