/** GitHub, outwards, as the settings have it: nothing at all without a token, so that everything works without GitHub. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createGitHub } from '../clients/github/github.ts';
import { repoOn } from '../clients/github/host.ts';
import type { GitHub, RepoName } from '../clients/github/types.ts';
import type { Step } from '../core/step.ts';
import type { DeploymentEntry } from '../manifest/types.ts';
import type { Settings } from '../settings.ts';
import type { Place } from './github-letters.ts';
import { createGitHubReport, type GitHubReport, type GitHubReportOptions } from './github-report.ts';
import { siteUrl } from './site-url.ts';

export interface GitHubSide extends GitHubReport {
  readonly client: GitHub;
  /** Sends what is left, for a few seconds at most, then ends what is under way. */
  end(): Promise<void>;
}

export interface GitHubSideOptions extends Pick<GitHubReportOptions, 'head' | 'errors' | 'mask' | 'log'> {
  readonly step: Step;
  /** The file that was in force before this start. */
  readonly former?: { readonly commit: string; readonly deployments: readonly DeploymentEntry[] };
}

const END_MS = 3000;

/** Undefined without `GITHUB_TOKEN`. Asks nothing before the first `note`. */
export function createGitHubSide(settings: Settings, options: GitHubSideOptions): GitHubSide | undefined {
  const { token, apiUrl } = settings.github;
  if (token === undefined) return undefined;
  const { adminHost, owner } = settings;
  const { former } = options;
  const ending = new AbortController();
  const client = createGitHub({ apiUrl, token, step: options.step, signal: ending.signal });
  const repoOf = (address: string): RepoName | undefined => repoOn(apiUrl, address);
  const configRepo = repoOf(settings.configRepo);
  const report = createGitHubReport({
    ...options,
    ...{ github: client, owner, repoOf, urlOf: (hostname) => siteUrl(hostname, settings) },
    former: {
      ...(former && { commit: former.commit }),
      places: former?.deployments.flatMap((entry) => placesOf(entry, repoOf)) ?? [],
    },
    ...(configRepo && { configRepo }),
    ...(adminHost !== undefined && { targetUrl: `https://${adminHost}/` }),
  });
  return {
    ...report,
    client,
    async end() {
      await Promise.race([report.settle(), sleep(END_MS, undefined, { ref: false })]);
      report.close();
      ending.abort();
    },
  };
}

function placesOf(
  { name, services }: DeploymentEntry,
  repoOf: (address: string) => RepoName | undefined,
): readonly Place[] {
  const repos = services.flatMap(({ source }) => (source.kind === 'repo' ? (repoOf(source.repo) ?? []) : []));
  return repos.map((repo) => ({ repo, environment: name }));
}
