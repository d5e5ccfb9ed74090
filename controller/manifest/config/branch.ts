/** What the two sorts of config repo, local and remote, have in common. */
import type { TreePlace } from '../../clients/git/tree.ts';
import type { Step } from '../../core/step.ts';

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
}
