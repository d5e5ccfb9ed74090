/** What GitHub's answer to a call that failed means, as a sentence and with what to do next. */
import { StalledError, TransientError } from '../../core/errors.ts';
import { redact } from '../git/address.ts';
import { type Answer, isLimit } from './gate.ts';

/** The right to do it is missing, or the repo is: true of every further call of the kind. */
export class NoAccessError extends StalledError {}

/** An error of Octokit that holds an answer; undefined when there was none. */
export function answerOf(error: unknown): Answer | undefined {
  const { status, response } = (error ?? {}) as {
    readonly status?: unknown;
    readonly response?: { readonly headers?: Answer['headers']; readonly data?: unknown };
  };
  if (typeof status !== 'number' || response?.headers === undefined) return undefined;
  const { message } = (response.data ?? {}) as { readonly message?: unknown };
  return { status, headers: response.headers, message: typeof message === 'string' ? message : '' };
}

/** The error to throw for an answer to the attempt to `what` (`set the status of 1a2b3c4 in acme/blog`). */
export function refusal(what: string, answer: Answer, cause: unknown): Error {
  const { status, headers } = answer;
  const because = { cause };
  if (isLimit(answer)) return new TransientError(`could not ${what}: GitHub wants fewer requests`, because);
  if (status >= 500) return new TransientError(`could not ${what}: GitHub answered with ${status}`, because);
  if (status === 401) return new StalledError('GitHub refuses GITHUB_TOKEN (401): set a new one', because);
  if (status === 403) {
    const needs = plain(headers['x-accepted-github-permissions'] ?? headers['x-accepted-oauth-scopes']);
    return new NoAccessError(`GITHUB_TOKEN may not ${what} (403)${needs && `: it needs ${needs}`}`, because);
  }
  if (status === 404)
    return new NoAccessError(`could not ${what} (404): not there, or out of GITHUB_TOKEN's sight`, because);
  const said = plain(answer.message);
  return new StalledError(`GitHub refuses to ${what} (${status})${said && `: ${said}`}`, because);
}

/** The far side's words, as input is shown. */
function plain(text: string | number | undefined): string {
  return redact(String(text ?? '')).trim();
}
