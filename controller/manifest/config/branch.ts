/** What the two sorts of config repo, local and remote, have in common. */
import type { TreePlace } from '../../clients/git/tree.ts';
import type { TransientError } from '../../core/errors.ts';
import type { Step } from '../../core/step.ts';
import type { CommitMessage } from './commit-message.ts';

export interface ConfigRepoOptions {
  /** A path, with work tree or bare, or an `http(s)://` URL; `BERTH_CONFIG_REPO`. */
  readonly location: string;
  readonly branch: string;
  readonly file: string;
  /** Sent to the location's own origin alone. */
  readonly token?: string;
  readonly dataDir: string;
  readonly step: Step;
  /** Of one fetch of a remote; default 120 s and 64 MB. */
  readonly limits?: { readonly timeoutMs: number; readonly maxBytes: number };
}

/** What is to be committed: the file's new text on top of exactly this commit, and of no other. */
export interface Draft {
  readonly parent: string;
  /** The file's blob at `parent`. */
  readonly blob: string;
  readonly text: string;
  readonly message: CommitMessage;
}

/** What became of a draft. `moved`: somebody was faster. `unsure`: it may have arrived, the answer was lost. */
export type Landing = { readonly commit: string } | { readonly moved: string } | { readonly unsure: Unsure };

export interface Unsure {
  readonly error: TransientError;
  /** The commit with the draft's intent among the branch's newest; undefined when it is not there (yet). */
  readonly find: (signal: AbortSignal) => Promise<string | undefined>;
}

/** A branch, wherever it is. */
export interface ConfigBranch {
  /** The commit in force. Throws TransientError or StalledError. */
  commit(signal: AbortSignal): Promise<string>;
  /** Where its objects are. */
  place(): Promise<TreePlace>;
  poll(signal: AbortSignal): Promise<void>;
  /** Deletes what we keep of it beside: objects that should be there can't be read. */
  discard(): Promise<void>;
  watch(onChange: () => void, signal: AbortSignal): Promise<void>;
  /** Commits and moves the branch, when it still stands at the draft's parent. Throws StalledError when refused. */
  advance(draft: Draft, signal: AbortSignal): Promise<Landing>;
  /** How often an edit is made anew when somebody was faster. */
  readonly maxTries: number;
}
