/**
 * Tells GitHub after each pass how things stand: a status on the config repo's commits, a GitHub Deployment on those of
 * app repos. All of it happens in the background and only changes are sent. What was said lives in memory; what is not
 * known to have been said (after a start, after a doubtful write) is read before it is said again.
 */
import { NoAccessError } from '../clients/github/errors.ts';
import type { RepoName } from '../clients/github/types.ts';
import { messageOf, TransientError } from '../core/errors.ts';
import type { Log } from '../log.ts';
import { appSayings, silentNames } from './app-deployments.ts';
import { type CommitSaying, commitSayings } from './commit-status.ts';
import {
  bound,
  deploymentLetters,
  type LetterOptions,
  type Place,
  placeKey,
  statusLetters,
  type Version,
  versionKey,
} from './github-letters.ts';
import { doubts, everything } from './observe.ts';
import { createOutbox } from './outbox.ts';
import type { Report } from './reconcile.ts';

export interface GitHubReportOptions extends LetterOptions {
  /** Where the config repo is on the API's host. */
  readonly configRepo?: RepoName;
  readonly repoOf: (address: string) => RepoName | undefined;
  readonly urlOf: (hostname: string) => string;
  /** The head that the last pass read. */
  readonly head: () => string | undefined;
  /** Last failures of applying, by deployment. */
  readonly errors: () => ReadonlyMap<string, string>;
  /** Takes secrets out of words. */
  readonly mask: (text: string) => string;
  /** What was in force before this start: its commit, and the app repos of its deployments. */
  readonly former: { readonly commit?: string; readonly places: readonly Place[] };
  readonly log: Log;
}

export interface GitHubReport {
  /** Takes in what a pass left. Never waits. */
  note(report: Report): void;
  /** Resolves when nothing is left to send that may be sent now. */
  settle(): Promise<void>;
  /** Sends nothing more. */
  close(): void;
}

/** A commit that had come to rest is under way again only when it stays so: not for a probe after a start, or a healing. */
const UNREST_MS = 5000;

/** Sends nothing before the first `note`. */
export function createGitHubReport(options: GitHubReportOptions): GitHubReport {
  const { github, log, configRepo } = options;
  const told = new Set<string>();
  const outbox = createOutbox({
    pausedMs: () => github.pausedMs,
    shutsArea: (error) => error instanceof NoAccessError,
    nowMs: () => performance.now(),
    onError: ({ area }, error) => {
      const again = error instanceof TransientError ? ', it is tried again' : '';
      const message = `${messageOf(error)}${again}`;
      if (told.has(message)) return;
      bound(told).add(message);
      // That a token may not do it on somebody else's repo is no fault.
      log[error instanceof NoAccessError && area !== 'status' ? 'info' : 'warn'](message);
    },
  });
  const toStatus = statusLetters(options);
  const deployments = deploymentLetters(options);
  /** What was said to be there: from it is told what has gone. Without a commit: whatever of ours is the newest there. */
  const current = new Map<string, Version & { readonly state?: string }>();
  for (const place of options.former.places) current.set(versionKey(place), place);

  const retire = (version: Version, description: string): void => {
    const { repo, environment, commit } = version;
    const status = { state: 'inactive', description } as const;
    const key = versionKey(version);
    // Somebody may have set another state by hand.
    outbox.forget(key);
    deployments.forget(key);
    outbox.put(deployments.letter({ repo, environment, status, ...(commit !== undefined && { commit }) }));
  };

  const noteApps = (report: Report): void => {
    const { plan } = report;
    if (!plan || doubts(report.observed).length > 0) return;
    const sayings = appSayings(report, { ...options, errors: options.errors() });
    const silent = silentNames(report);
    const there = new Set(everything(report.observed).map(({ deployment }) => deployment));
    for (const saying of sayings) outbox.put(deployments.letter(saying));
    const now = new Set(sayings.map(versionKey));
    for (const [key, version] of current) {
      const { environment, state } = version;
      // Out of the file is not gone: its deletion may be held, or under way.
      const stays = plan.wanted.present.has(environment) ? silent.has(environment) : there.has(environment);
      if (now.has(key) || stays) continue;
      const heirs = sayings.filter((saying) => placeKey(saying) === placeKey(version));
      // The older one serves until another does.
      if (state === 'success' && heirs.length > 0 && !heirs.some((heir) => heir.status.state === 'success'))
        continue;
      current.delete(key);
      if (heirs.length === 0) retire(version, 'no longer deployed');
      else if (version.commit !== undefined && state !== 'failure') retire(version, 'superseded');
    }
    for (const saying of sayings) current.set(versionKey(saying), { ...saying, state: saying.status.state });
  };

  const isNews = restless(options.former.commit);
  const noteCommits = (repo: RepoName, report: Report): void => {
    const sayings = commitSayings(report, { ...options, head: options.head(), errors: options.errors() });
    for (const saying of sayings) if (isNews(saying)) outbox.put(toStatus(repo, saying));
  };

  return {
    note(report) {
      if (configRepo) noteCommits(configRepo, report);
      noteApps(report);
    },
    settle: outbox.settle,
    close: outbox.close,
  };
}

/** Whether a saying is worth telling now; `formerly` is a commit that had come to rest before this start. */
function restless(formerly: string | undefined): (saying: CommitSaying) => boolean {
  const restedSince = new Map<string, number | undefined>();
  if (formerly !== undefined) restedSince.set(formerly, undefined);
  return ({ commit, state }) => {
    if (state !== 'pending') bound(restedSince).set(commit, undefined);
    if (state !== 'pending' || !restedSince.has(commit)) return true;
    const sinceMs = restedSince.get(commit) ?? performance.now();
    restedSince.set(commit, sinceMs);
    return performance.now() - sinceMs >= UNREST_MS;
  };
}
