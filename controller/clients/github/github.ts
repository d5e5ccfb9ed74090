/** GitHub by its REST API, as GitHub's own description has it (23.0.1, in `@octokit/openapi-types` 29). */
import type { Step } from '../../core/step.ts';
import { createAsk } from './ask.ts';
import { createGate } from './gate.ts';
import { createReads } from './reads.ts';
import { createDeployments, createStatuses } from './reports.ts';
import type { GitHub } from './types.ts';

export interface GitHubOptions {
  readonly apiUrl: string;
  readonly token: string;
  readonly step: Step;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
  /** Of one call; default 10 s. */
  readonly timeoutMs?: number;
  /** Monotonic; default the process's. */
  readonly nowMs?: () => number;
}

/** Asks nothing yet. */
export function createGitHub(options: GitHubOptions): GitHub {
  const { nowMs = () => performance.now(), step } = options;
  const gate = createGate(nowMs);
  const ask = createAsk({ ...options, gate });
  return {
    get pausedMs() {
      return gate.pausedMs;
    },
    ...createReads(ask),
    ...createStatuses(ask, step),
    ...createDeployments(ask, step),
  };
}
