/**
 * What a pass says of app repos: which commit of which repo is in the environment of which deployment, and how it fares.
 * The config repo's own directories (`repo: .`) are left out: each of its commits bears a status of its own. The words
 * are few, since an app repo may be public while the config repo is not. Pure.
 */
import type { GitHubDeploymentStatus, RepoName } from '../clients/github/types.ts';
import type { DesiredDeployment } from '../core/types.ts';
import { shortened } from './commit-status.ts';
import { doubts } from './observe.ts';
import type { Report } from './reconcile.ts';
import { type DeploymentStatus, statusOf } from './status.ts';

export interface AppSaying {
  readonly repo: RepoName;
  readonly commit: string;
  /** The deployment's name. */
  readonly environment: string;
  readonly status: GitHubDeploymentStatus;
}

export interface AppSayingOptions {
  readonly errors: ReadonlyMap<string, string>;
  /** Owner and name, where the address is on the API's host. */
  readonly repoOf: (address: string) => RepoName | undefined;
  /** Where a visitor finds a hostname. */
  readonly urlOf: (hostname: string) => string;
}

/** One for each repo, commit and deployment; nothing in doubt. */
export function appSayings(report: Report, options: AppSayingOptions): readonly AppSaying[] {
  const { desired, plan } = report;
  if (!desired || !plan || doubts(report.observed).length > 0) return [];
  const statuses = new Map(statusOf(report, options.errors).map((status) => [status.name, status]));
  // What goes is no longer on its way: an older version that drains, say.
  const busy = new Set(plan.actions.filter(({ verb }) => verb !== 'delete').map((a) => a.deployment));
  return desired.deployments.flatMap((deployment) => {
    const status = statuses.get(deployment.name);
    if (!status || plan.wanted.frozen.has(deployment.name)) return [];
    const told = statusFor(status, busy.has(deployment.name), options);
    return versionsOf(deployment, options.repoOf).map((version) => ({ ...version, status: told }));
  });
}

/** Names in the file of which not all versions are known or may be looked at: nothing of theirs can be said to be gone. */
export function silentNames({ desired, plan }: Report): ReadonlySet<string> {
  const known = desired?.deployments.filter(({ services }) => services.every(({ version }) => version)) ?? [];
  const names = new Set(known.map(({ name }) => name));
  const wanted = plan?.wanted;
  return new Set([...(wanted?.present ?? [])].filter((name) => !names.has(name) || wanted?.frozen.has(name)));
}

function versionsOf(
  { name, services }: DesiredDeployment,
  repoOf: AppSayingOptions['repoOf'],
): readonly Omit<AppSaying, 'status'>[] {
  const versions = new Map<string, Omit<AppSaying, 'status'>>();
  for (const { version } of services) {
    const from = version?.image.from;
    if (from?.kind !== 'build' || from.repo === '.') continue;
    const repo = repoOf(from.repo);
    if (!repo) continue;
    const key = `${repo.owner}/${repo.name} ${from.commit}`.toLowerCase();
    versions.set(key, { repo, commit: from.commit, environment: name });
  }
  return [...versions.values()];
}

function statusFor(
  { status, stage, hostnames }: DeploymentStatus,
  busy: boolean,
  { urlOf }: AppSayingOptions,
): GitHubDeploymentStatus {
  const [hostname] = hostnames;
  if (status === 'failed') return { state: 'failure', description: shortened(`failed: ${stage}`) };
  if (status === 'stopped') return { state: 'inactive', description: 'suspended' };
  if (status === 'building' || busy) return { state: 'in_progress', description: 'on its way' };
  return {
    ...{ state: 'success', description: 'running' },
    ...(hostname !== undefined && { environmentUrl: urlOf(hostname) }),
  };
}
