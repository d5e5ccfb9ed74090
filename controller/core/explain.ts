import type { Action, Verb } from './types.ts';

const SIGN: Readonly<Record<Verb, string>> = { create: '+', update: '±', delete: '-' };

/** One line of a plan: `+ instance blog-web-3f9a1c02  new service (waits for its image)`. */
export function explain(action: Action): string {
  const wait = action.wait ? ` (${action.wait.why})` : '';
  return `${SIGN[action.verb]} ${action.kind} ${action.key}  ${action.why}${wait}`;
}

const DONE: Readonly<Record<Verb, string>> = { create: 'created', update: 'updated', delete: 'removed' };

/** The same in the past, for the log: `instance blog-web-3f9a1c02 created: new service`. */
export function recount(action: Action): string {
  return `${action.kind} ${action.key} ${DONE[action.verb]}: ${action.why}`;
}
