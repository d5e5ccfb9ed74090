/** `berth plan`: what a pass would do, changing nothing; it may run beside a controller. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readStore } from '../clients/store.ts';
import { StalledError } from '../core/errors.ts';
import { explain, explainHold } from '../core/explain.ts';
import type { Step } from '../core/step.ts';
import type { Action } from '../core/types.ts';
import { createLog } from '../log.ts';
import { doubts } from '../loop/observe.ts';
import { type Report, reconcile } from '../loop/reconcile.ts';
import { createWorld } from '../loop/world.ts';
import type { Settings } from '../settings.ts';
import type { Io, JsonOption } from './io.ts';

/** Longest wait for repos to be looked at and for running instances to answer a probe. */
const LOOK_MS = 60_000;
const PROBE_MS = 3_000;

/** 0 nothing to do, 2 changes, 1 when the file is wrong or something can't be seen. */
export async function plan(
  settings: Settings,
  { json, io }: JsonOption & { readonly io: Io },
): Promise<number> {
  if (settings.embedded && !existsSync(settings.configRepo))
    throw new StalledError(
      `there is no config repo at ${settings.configRepo} yet: \`berth start\` makes one`,
    );
  const cacheDir = await mkdtemp(join(tmpdir(), 'berth-plan-'));
  try {
    return tell(await look(settings, cacheDir, io), { json, io });
  } finally {
    await rm(cacheDir, { recursive: true, force: true });
  }
}

/** A dry run ends at the first write; only what is read from repos goes to a folder of its own. */
async function look(settings: Settings, cacheDir: string, io: Io): Promise<Report> {
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
    await real.sources.settle(signal);
    const until = performance.now() + PROBE_MS;
    let report = await reconcile(real.world, signal);
    while (asksYet(report) && performance.now() < until) {
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

function tell(report: Report, { json, io }: JsonOption & { readonly io: Io }): number {
  const { actions = [], held = [] } = report.plan ?? {};
  const failures = [...(report.plan?.wanted.verdicts ?? [])].flatMap(([name, { status, error }]) =>
    status === 'failed' && error !== undefined ? [`deployments/${name}: ${error}`] : [],
  );
  const file = report.problems.map(({ message }) => message);
  const errors = [...doubts(report.observed), ...file, ...failures];
  if (json)
    io.print(JSON.stringify({ commit: report.desired?.commit, actions: actions.map(shown), held, errors }));
  else {
    for (const action of actions) io.print(explain(action));
    if (report.desired && held.length > 0) io.print(explainHold(held, report.desired.commit));
    if (actions.length > 0) io.print(summary(actions));
    if (actions.length === 0 && errors.length === 0) io.print('nothing to do');
    for (const error of errors) io.complain(error);
  }
  if (errors.length > 0) return 1;
  return actions.length > 0 ? 2 : 0;
}

/** An action without what it would make: that holds the values of `env`. */
function shown({ verb, kind, key, deployment, why, wait }: Action): Omit<Action, 'want'> {
  return { verb, kind, key, deployment, why, ...(wait && { wait }) };
}

function summary(actions: readonly Action[]): string {
  const count = (verb: Action['verb']): number => actions.filter((action) => action.verb === verb).length;
  return `${count('create')} to create, ${count('update')} to update, ${count('delete')} to delete`;
}
