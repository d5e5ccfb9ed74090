/**
 * An edit of the file as one commit on the branch's newest head. Nothing is rebased or merged: when somebody was
 * faster, the change is applied to the newer text from the start. An intent id in the message finds a commit again
 * whose push was never answered, so that it is not made twice. Two editors need no lock: the branch moves by
 * compare-and-swap, and only the one that lost begins again.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConfigRepo } from '../../clients/types.ts';
import { StalledError, TransientError } from '../../core/errors.ts';
import type { ConfigBranch, ConfigRepoOptions, Landing, Unsure } from './branch.ts';
import { type CommitMessage, commitMessage } from './commit-message.ts';
import { CONFIG_FILE_MAX_BYTES, configText, readConfigFile } from './file.ts';

type Change = Parameters<ConfigRepo['edit']>[0];

export interface EditOptions {
  readonly about: Pick<ConfigRepoOptions, 'file' | 'branch'>;
  /** Brings the newest head here. */
  readonly poll: (signal: AbortSignal) => Promise<void>;
  /** Runs one try while nobody else reads or edits; between two tries others get their turn. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  readonly message: string;
  readonly signal: AbortSignal;
}

/** Between two tries, times the number of the try. */
const PAUSE_MS = 50;
const UNSURE_PAUSE_MS = 300;
const MAX_PAUSE_MS = 2000;

/** The commit, as `ConfigRepo.edit` promises. `change` must not ask the repo for anything: its turn is taken. */
export async function editConfigFile(
  branch: ConfigBranch,
  change: Change,
  options: EditOptions,
): Promise<string> {
  const { inTurn, signal } = options;
  const message = commitMessage(options.message);
  let unsure: Unsure | undefined;
  let moved = '';
  for (let turn = 1; turn <= branch.maxTries && !signal.aborted; turn += 1) {
    const landing = await inTurn(() => tryOnce(branch, change, { ...options, message, unsure }));
    if ('commit' in landing) return landing.commit;
    if ('unsure' in landing) unsure = landing.unsure;
    else moved = landing.moved;
    await pause(turn * (unsure ? UNSURE_PAUSE_MS : PAUSE_MS), signal);
  }
  if (unsure) throw lost(unsure);
  if (signal.aborted) throw new TransientError('the edit was given up before it was committed');
  throw new TransientError(`nothing was committed in ${branch.maxTries} tries: ${moved}; try again`);
}

/** `unsure` is what is left of an earlier try: it may have arrived by now. */
async function tryOnce(
  branch: ConfigBranch,
  change: Change,
  options: Omit<EditOptions, 'message'> & {
    readonly message: CommitMessage;
    readonly unsure: Unsure | undefined;
  },
): Promise<Landing> {
  const { about, poll, message, unsure, signal } = options;
  const arrived = await look(poll, { unsure, signal }).catch((error: unknown) => {
    throw unsure ? lost(unsure) : error;
  });
  if (arrived !== undefined) return { commit: arrived };
  const parent = await branch.commit(signal);
  const { blob, text: before } = await textAt(branch, parent, about);
  const text = await change(before);
  if (text === before) return { commit: parent };
  refuseTooLong(text, about.file);
  return branch.advance({ parent, blob, text, message }, signal);
}

/** Brings the newest head here; the commit of an earlier try, if it is there. */
async function look(
  poll: EditOptions['poll'],
  { unsure, signal }: { readonly unsure: Unsure | undefined; readonly signal: AbortSignal },
): Promise<string | undefined> {
  await poll(signal);
  return unsure?.find(signal);
}

/** Throws StalledError for what is no regular text file. */
async function textAt(
  branch: ConfigBranch,
  commit: string,
  about: EditOptions['about'],
): Promise<{ readonly blob: string; readonly text: string }> {
  const file = await readConfigFile(await branch.place(), commit, about);
  if ('missing' in file) throw new StalledError(`there is nothing to edit: ${file.missing}`);
  return { blob: file.blob, text: configText(file.bytes, about.file) };
}

function refuseTooLong(text: string, file: string): void {
  const size = Buffer.byteLength(text);
  if (size <= CONFIG_FILE_MAX_BYTES) return;
  throw new StalledError(
    `${file} would have ${size} bytes, at most ${CONFIG_FILE_MAX_BYTES} are read: shorten it`,
  );
}

function lost({ error: cause }: Unsure): TransientError {
  const message = `the commit may have arrived or not (${cause.message}): look before you repeat the edit`;
  return new TransientError(message, { cause });
}

/** Not the same for everybody, or those who met once would meet again. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const upToMs = Math.min(ms, MAX_PAUSE_MS);
  // Rejects only when the signal ends the wait.
  await sleep(randomInt(upToMs / 2, upToMs), undefined, { signal }).catch(() => undefined);
}
