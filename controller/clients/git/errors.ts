/** What git said, as a sentence about the repo and with what the loop should do next. */
import { StalledError, TransientError } from '../../core/errors.ts';
import { redact } from './address.ts';
import { GitFailure } from './git.ts';

/** The cache itself is not what it should be: nothing to tell anyone, it is made anew. */
export class BrokenCacheError extends Error {
  override readonly name = 'BrokenCacheError';
}

/** What a commit holds can't be used, now or later: fetching it again would only move the same bytes. */
export class UnusableCommitError extends StalledError {}

const NETWORK =
  /unable to access|could not resolve host|failed to connect|connection (refused|reset|timed out)|rpc failed|hung up|early eof|timed out|too slow|expected flush|could not read from remote|protocol error|bad line length|invalid server response|unexpected disconnect|unable to update url base/i;

/** What a failed request to `repo` means. Text of git that fits nothing known is taken for a broken cache. */
export function remoteError(repo: string, failure: unknown): Error {
  if (!(failure instanceof GitFailure))
    return failure instanceof Error ? failure : new Error(String(failure));
  const { why, stderr } = failure;
  const because = { cause: failure };
  if (why === 'not started') return new StalledError('git was not found: install the git package', because);
  if (why === 'aborted') return new TransientError(`repo ${repo}: the request was given up`, because);
  if (why === 'timeout') return new TransientError(`repo ${repo}: took too long to answer`, because);
  if (why === 'too big') return new StalledError(`repo ${repo}: its list of refs is too long`, because);
  return fromText(repo, stderr, because);
}

function fromText(repo: string, stderr: string, because: ErrorOptions): Error {
  const status = /returned error: (\d{3})/.exec(stderr)?.[1];
  if (/could not read (Username|Password)|Authentication failed/.test(stderr) || status === '403') {
    return new StalledError(
      `repo ${repo}: private or misspelt: it asks for a login, give Berth a token that can read it`,
      because,
    );
  }
  if (/repository '.*' not found/.test(stderr) || status === '410') {
    return new StalledError(
      `repo ${repo}: private or misspelt: the server says there is no such repo`,
      because,
    );
  }
  if (status?.startsWith('3')) {
    return new StalledError(`repo ${repo}: redirects elsewhere, write its present address`, because);
  }
  if (/dumb http transport/.test(stderr)) {
    return new StalledError(`repo ${repo}: is served as plain files, not by a Git server`, because);
  }
  if (/fsck error|in fsck|error in object|hasDotdot|hasDotgit|fullPathname/i.test(stderr)) {
    return new StalledError(
      `repo ${repo}: holds an object that Git refuses (${firstError(stderr)})`,
      because,
    );
  }
  if (/not our ref|no such remote ref|unadvertised object/.test(stderr)) {
    return new StalledError(
      `repo ${repo}: the commit is not there (any more): correct \`commit\`, or push it again`,
      because,
    );
  }
  if (/No space left on device/.test(stderr)) {
    return new TransientError(`repo ${repo}: no space left in the data dir for its cache`, because);
  }
  if (status !== undefined || NETWORK.test(stderr)) {
    return new TransientError(`repo ${repo}: ${firstError(stderr)}`, because);
  }
  return new BrokenCacheError(`repo ${repo}: ${firstError(stderr)}`, because);
}

/** Git's first complaint, without its prefix. The far side may have written it, so it is trimmed like any input. */
function firstError(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  const line =
    lines.find((text) => /^(error|fatal): /.test(text)) ?? lines.find((text) => text) ?? 'git failed';
  return redact(line.replace(/^(error|fatal): /, ''));
}
