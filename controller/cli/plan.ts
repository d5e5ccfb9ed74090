/** `berth plan`: what a pass would do, changing nothing; it may run beside a controller. */
import { explain, explainHold } from '../core/explain.ts';
import type { Action } from '../core/types.ts';
import { doubts } from '../loop/observe.ts';
import type { Report } from '../loop/reconcile.ts';
import type { Settings } from '../settings.ts';
import type { Io, JsonOption } from './io.ts';
import { look } from './look.ts';

/** 0 nothing to do, 2 changes, 1 when the file is wrong or something can't be seen. */
export async function plan(
  settings: Settings,
  { json, io }: JsonOption & { readonly io: Io },
): Promise<number> {
  return tell(await look(settings, io), { json, io });
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
