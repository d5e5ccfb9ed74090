/**
 * What the commits of the config repo are to bear after a pass: the one in force, and a newer head whose file is wrong.
 * In doubt nothing is said: an engine that is out of sight for a moment says nothing about a commit. Pure.
 */
import type { CommitStatus } from '../clients/github/types.ts';
import { explainHold } from '../core/explain.ts';
import { isOwnName } from '../manifest/names.ts';
import { doubts } from './observe.ts';
import type { Report } from './reconcile.ts';
import { isSettled, sharedErrors, statusOf } from './status.ts';

export interface CommitSaying extends Pick<CommitStatus, 'state' | 'description'> {
  readonly commit: string;
}

export interface SayingOptions {
  /** The head that the pass read; undefined when it could not be told. */
  readonly head: string | undefined;
  /** Last failures of applying, by deployment. */
  readonly errors: ReadonlyMap<string, string>;
  /** Takes secrets out of words. */
  readonly mask: (text: string) => string;
}

/** GitHub refuses more (422), counted in characters. */
const MAX_CHARS = 140;

/** At most one for each commit. */
export function commitSayings(report: Report, options: SayingOptions): readonly CommitSaying[] {
  const { head, mask } = options;
  const inForce = ofCommitInForce(report, options);
  const wrong = head === undefined || head === report.desired?.commit ? undefined : ofWrongHead(report, head);
  return [inForce, wrong].flatMap((saying) => {
    if (saying === undefined) return [];
    const { commit, state, messages } = saying;
    // Masked while it is whole: half a secret would not be known for one.
    return [{ commit, state, description: first(messages.map((message) => shortened(mask(message)))) }];
  });
}

interface Messages extends Pick<CommitSaying, 'commit' | 'state'> {
  readonly messages: readonly string[];
}

/** Its first words are where the error is: `deployments.yaml:14:11 …`. */
function ofWrongHead({ problems }: Report, commit: string): Messages | undefined {
  const own = problems.filter(({ deployment }) => deployment === '').map(({ message }) => message);
  return own.length === 0 ? undefined : { commit, state: 'failure', messages: own };
}

function ofCommitInForce(report: Report, { errors }: SayingOptions): Messages | undefined {
  const { desired, plan } = report;
  if (!desired || !plan || doubts(report.observed).length > 0) return undefined;
  const { commit } = desired;
  const statuses = statusOf(report, errors);
  const failures = statuses
    .filter(({ status }) => status === 'failed')
    .map(({ name, stage, error }) => (stage === 'file' && error ? error : `${name}: ${error ?? stage}`));
  failures.unshift(...sharedErrors(errors).filter((error) => !failures.some((one) => one.endsWith(error))));
  if (plan.held.length > 0) failures.push(explainHold(plan.held, commit));
  if (failures.length > 0) return { commit, state: 'failure', messages: failures };
  // What the controller has for itself is in no file, so it does not count.
  const running = statuses.filter(({ name, status }) => status === 'running' && !isOwnName(name)).length;
  if (isSettled(report)) return { commit, state: 'success', messages: [counted(running, 'running')] };
  // In the same words all along: every change is a call of the API.
  return { commit, state: 'pending', messages: ['under way'] };
}

function counted(count: number, what: string): string {
  return `${count} deployment${count === 1 ? '' : 's'} ${what}`;
}

function first([message = '', ...others]: readonly string[]): string {
  if (others.length === 0) return message;
  const more = ` (and ${others.length} more)`;
  return `${shortened(message, MAX_CHARS - more.length)}${more}`;
}

/** On one line, and no longer than that many characters. */
export function shortened(text: string, maxChars: number = MAX_CHARS): string {
  const chars = [
    ...text.replace(/[\s\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]+/g, ' ').trim(),
  ];
  return chars.length <= maxChars ? chars.join('') : `${chars.slice(0, maxChars - 1).join('')}…`;
}
