import type { Action, Outcome, Verb } from './types.ts';

const SIGN: Readonly<Record<Verb, string>> = { create: '+', update: '±', delete: '-' };

/** One line of a plan: `+ instance blog-web-3f9a1c02  new service (waits for its image)`. */
export function explain(action: Action): string {
  const wait = action.wait ? ` (${action.wait.why})` : '';
  return `${SIGN[action.verb]} ${action.kind} ${action.key}  ${action.why}${wait}`;
}

const DONE: Readonly<Record<Verb, string>> = { create: 'created', update: 'updated', delete: 'removed' };

/** What was done, for the log: `instance blog-web-3f9a1c02 created: new service`. */
export function recount({ action, did }: Outcome): string {
  return `${action.kind} ${action.key} ${did ?? DONE[action.verb]}: ${action.why}`;
}

/** What a person is asked when a commit deletes too much. */
export function explainHold(held: readonly string[], commit: string): string {
  const names = `${held.join(', ')} would be deleted, more than BERTH_MAX_DELETIONS allows`;
  return `held: ${names}; \`berth approve ${commit.slice(0, 12)}\` releases exactly these`;
}
