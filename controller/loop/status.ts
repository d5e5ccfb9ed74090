/** What a person is told about each deployment: its verdict, and whatever stands in its way. */
import type { Desired, Verdict } from '../core/types.ts';
import { OWN } from '../manifest/names.ts';
import { doubts } from './observe.ts';
import type { Report } from './reconcile.ts';

export interface DeploymentStatus extends Verdict {
  readonly name: string;
  readonly hostnames: readonly string[];
}

/** Status of every deployment in the file, sorted by name. `errors` are the last failures of applying, by deployment. */
export function statusOf(report: Report, errors: ReadonlyMap<string, string>): readonly DeploymentStatus[] {
  const { desired, plan } = report;
  if (!desired || !plan) return [];
  const names = [...plan.wanted.present].sort();
  return names.map((name) => {
    const entry = desired.deployments.find((d) => d.name === name);
    const own = desired.ownVhosts?.find(({ deployment }) => deployment === name);
    const hostnames = (entry ?? own)?.hostnames ?? [];
    return { name, hostnames, ...verdictOf(name, report, desired, errors) };
  });
}

function verdictOf(
  name: string,
  { plan }: Report,
  desired: Desired,
  errors: ReadonlyMap<string, string>,
): Verdict {
  const problem = desired.problems.find(({ deployment }) => deployment === name);
  if (problem) return { status: 'failed', stage: 'file', error: problem.message };
  const error = errors.get(name);
  const verdict = plan?.wanted.verdicts.get(name);
  if (error !== undefined) return { status: 'failed', stage: verdict?.stage ?? 'apply', error };
  const stuck = plan?.actions.find(({ deployment, wait }) => deployment === name && wait?.forPerson);
  if (stuck && verdict?.status !== 'failed')
    return { status: 'failed', stage: stuck.kind, error: stuck.wait?.why ?? stuck.why };
  const frozen = plan?.wanted.frozen.get(name);
  return verdict ?? { status: 'failed', stage: 'waits', error: frozen ?? 'it has not been looked at yet' };
}

/** Reasons why the controller as a whole is not well; empty when it is. */
export function troubles(report: Report | undefined, errors: ReadonlyMap<string, string>): readonly string[] {
  if (!report) return ['no pass has ended yet'];
  const file = report.desired ? [] : report.problems.map(({ message }) => message);
  return [...doubts(report.observed), ...file, ...sharedErrors(errors)];
}

/** What failed about nginx and the tunnel, which serve every deployment. */
export function sharedErrors(errors: ReadonlyMap<string, string>): readonly string[] {
  return ['', OWN.tunnel].flatMap((name) => errors.get(name) ?? []);
}

/** Nothing is left to do or to wait for; what remains needs a commit or a person. */
export function isSettled({ plan, observed, outcomes }: Report): boolean {
  if (!plan || Object.values(observed).some((seen) => 'uncertain' in seen)) return false;
  if (outcomes.some(({ error, skipped }) => error === undefined && skipped === undefined)) return false;
  if (plan.actions.some(({ wait }) => wait?.forPerson !== true)) return false;
  // What a person has to mend first is not under way, whatever its rollout would do next.
  const stalled = new Set(plan.actions.map(({ deployment }) => deployment));
  return ![...plan.wanted.verdicts].some(([name, { status }]) => status === 'building' && !stalled.has(name));
}
