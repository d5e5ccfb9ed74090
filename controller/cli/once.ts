/** `berth once`: passes until nothing is left to do or to wait for. */
import { explainHold } from '../core/explain.ts';
import type { Report } from '../loop/reconcile.ts';
import { type DeploymentStatus, isSettled, statusOf, troubles } from '../loop/status.ts';
import { startTriggers } from '../loop/triggers.ts';
import type { Settings } from '../settings.ts';
import type { Io, JsonOption } from './io.ts';
import { openSession } from './session.ts';

/** 0 when all that the file asks for runs, 1 when something failed, is held, or the time is up. */
export async function once(
  settings: Settings,
  { json, timeoutMs, io }: JsonOption & { readonly timeoutMs: number; readonly io: Io },
): Promise<number> {
  const stop = new AbortController();
  let quiet = 0;
  const onReport = (report: Report): void => {
    quiet = isSettled(report) ? quiet + 1 : 0;
    // One more look after the first quiet one: a probe or a source may just have answered.
    if (quiet >= 2) stop.abort();
    else if (quiet === 1) session.runner.poke('settled');
  };
  const write = json
    ? (line: string) => io.complain(line.trimEnd())
    : (line: string) => io.print(line.trimEnd());
  const session = await openSession(settings, { write, onReport });
  const { runner, log, real } = session;
  const timer = setTimeout(() => stop.abort(), timeoutMs);
  try {
    // What is known of a remote may be old; that it can't be asked is among the problems of the pass.
    await real.config.poll(stop.signal).catch(() => undefined);
    startTriggers(real, { intervalMs: settings.intervalMs, poke: runner.poke, log }, stop.signal);
    await runner.run(stop.signal);
  } finally {
    clearTimeout(timer);
    await session.close();
  }
  return tell(runner.last, { done: quiet >= 2, errors: real.backoff.errors(), json, io });
}

interface End extends JsonOption {
  readonly done: boolean;
  readonly errors: ReadonlyMap<string, string>;
  readonly io: Io;
}

function tell(report: Report | undefined, { done, errors, json, io }: End): number {
  const statuses = report ? statusOf(report, errors) : [];
  const problems = report?.problems.map(({ message }) => message) ?? [];
  const held = report?.plan?.held ?? [];
  const reasons = [...new Set([...troubles(report, errors), ...problems])];
  if (report?.desired && held.length > 0) reasons.push(explainHold(held, report.desired.commit));
  if (!done) {
    const moving = statuses.filter(({ status }) => status === 'building').map(({ name }) => name);
    reasons.push(`the time is up: ${moving.join(', ') || 'something'} is still under way`);
  }
  const ok = done && reasons.length === 0 && statuses.every(({ status }) => status !== 'failed');
  if (json) io.print(JSON.stringify({ ok, commit: report?.desired?.commit, deployments: statuses, reasons }));
  else {
    for (const status of statuses) io.print(lineOf(status));
    for (const reason of reasons) io.complain(reason);
  }
  return ok ? 0 : 1;
}

function lineOf({ name, status, hostnames, error }: DeploymentStatus): string {
  const line = `${status.padEnd(8)} ${name}  ${hostnames[0] ?? ''}`.trimEnd();
  return error === undefined ? line : `${line}\n         ${error}`;
}
