/** The text of a commit that Berth makes: a subject that fits a list, and a trailer to know the commit by again. */
import { randomUUID } from 'node:crypto';

/** What `git log --oneline` and GitHub show without cutting it. */
const MAX_SUBJECT = 72;

export interface CommitMessage {
  readonly text: string;
  /** One line of it, unlike that of any other edit. */
  readonly intent: string;
}

/** Cuts a longer first line, and drops control characters; lines after it are kept. */
export function commitMessage(message: string): CommitMessage {
  const [first = '', ...rest] = message.replace(/[^\P{Cc}\n]+/gu, ' ').split('\n');
  const letters = [...(first.trim() || 'Change the deployments')];
  const subject =
    letters.length > MAX_SUBJECT ? `${letters.slice(0, MAX_SUBJECT - 1).join('')}…` : letters.join('');
  const body = rest.join('\n').trim();
  const intent = `Berth-Intent: ${randomUUID()}`;
  return { text: `${[subject, ...(body ? [body] : []), intent].join('\n\n')}\n`, intent };
}
