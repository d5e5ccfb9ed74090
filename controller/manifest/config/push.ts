/**
 * One commit pushed onto a branch of the remote, when that still stands at the commit's parent. No local ref names the
 * commit before it arrived, so that one that never did is never pushed later. What the far side says is hostile text.
 */
import fs from 'node:fs';
import git, { type HttpClient } from 'isomorphic-git';
import { redact } from '../../clients/git/address.ts';
import { messageOf, StalledError, TransientError } from '../../core/errors.ts';

export interface PushOptions {
  readonly gitdir: string;
  readonly url: URL;
  readonly branch: string;
  readonly http: HttpClient;
  /** Only to know whether there is one, and to leave it out of what the far side says. */
  readonly token?: string;
}

export type Pushed = 'arrived' | { readonly moved: string } | { readonly unsure: TransientError };

/** Of what a hook says before it refuses. */
const MAX_REMOTE_LINES = 3;

/** Throws StalledError when the remote refuses for good. */
export async function pushCommit(
  options: PushOptions,
  { commit, parent }: { readonly commit: string; readonly parent: string },
): Promise<Pushed> {
  const { gitdir, url, branch, http } = options;
  const said: string[] = [];
  try {
    await git.push({
      ...{ fs, http, gitdir, url: url.href, remote: 'origin' },
      ref: commit,
      remoteRef: `refs/heads/${branch}`,
      // The server compares with what it told a moment ago; this compares with what the commit was made from.
      onPrePush: ({ remoteRef }) => remoteRef.oid === parent,
      onMessage: (line) => {
        said.push(line);
      },
    });
    return 'arrived';
  } catch (error) {
    return explain(error, options, said);
  }
}

function explain(
  error: unknown,
  { url, branch, token }: PushOptions,
  said: readonly string[],
): Exclude<Pushed, 'arrived'> {
  const repo = `the config repo ${redact(url.href)}`;
  if (error instanceof StalledError) throw error;
  if (error instanceof git.Errors.UserCanceledError || error instanceof git.Errors.PushRejectedError) {
    return { moved: `${branch} of ${repo} moved on` };
  }
  const status = error instanceof git.Errors.HttpError ? error.data.statusCode : 200;
  if ([401, 403, 404].includes(status)) {
    const may = token
      ? 'its token may read but not write: give it the right to write'
      : 'set BERTH_CONFIG_TOKEN to a token that may write';
    const words = `${repo} can be read but not pushed to (${status}): ${may} (on GitHub: Contents, read and write)`;
    throw new StalledError(words, { cause: error });
  }
  if (error instanceof git.Errors.GitPushError) {
    const clean = (text: string) => redact(token === undefined ? text : text.replaceAll(token, '[redacted]'));
    return ofResult(error, { repo, branch, said, clean });
  }
  const known = error instanceof TransientError ? error.message : `${repo} gave no clear answer to a push`;
  const reason = status === 200 ? known : `${repo} answers a push with ${status}`;
  return { unsure: new TransientError(reason, { cause: error }) };
}

interface Telling {
  readonly repo: string;
  readonly branch: string;
  readonly said: readonly string[];
  readonly clean: (text: string) => string;
}

/** The server has answered, ref by ref. */
function ofResult(
  error: InstanceType<typeof git.Errors.GitPushError>,
  { repo, branch, said, clean }: Telling,
): Exclude<Pushed, 'arrived'> {
  const { ok, error: unpack, refs } = error.data.result;
  if (!ok) {
    const words = `${repo} could not take the commit in: ${clean(unpack ?? 'no reason given')}`;
    return { unsure: new TransientError(words, { cause: error }) };
  }
  const reason = refs[`refs/heads/${branch}`]?.error ?? messageOf(error);
  // What receive-pack says when two pushes meet (builtin/receive-pack.c); "fetch first" is the client's word for it.
  if (/failed to update ref|cannot lock ref|fetch first|non-fast-forward|incorrect old value/i.test(reason)) {
    return { moved: `${branch} of ${repo} moved on` };
  }
  const lines = said.map((line) => line.trim()).filter((line) => line !== '');
  const told = lines.length > 0 ? `: ${clean(lines.slice(0, MAX_REMOTE_LINES).join(', '))}` : '';
  throw new StalledError(
    `${repo} refuses the push to ${branch} (${clean(reason)}${told}): let the token past its rules, or edit the file there`,
    { cause: error },
  );
}
