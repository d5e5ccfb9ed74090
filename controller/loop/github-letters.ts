/**
 * The two sorts of letters to GitHub. Before the first of a key, and after one whose fate is not known, it is read what is
 * there, so that nothing is said twice and no Deployment is made twice.
 */
import type {
  CommitStatus,
  GitHub,
  GitHubDeployment,
  GitHubDeploymentStatus,
  RepoName,
} from '../clients/github/types.ts';
import type { CommitSaying } from './commit-status.ts';
import type { Letter } from './outbox.ts';

export interface LetterOptions {
  readonly github: GitHub;
  /** `BERTH_OWNER` */
  readonly owner: string;
  /** Where a status leads: the admin. */
  readonly targetUrl?: string;
}

/** Where a deployment shows: an environment of an app repo. */
export interface Place {
  readonly repo: RepoName;
  readonly environment: string;
}

export interface Version extends Place {
  /** Absent: whatever of ours is the newest there. */
  readonly commit?: string;
}

export interface VersionSaying extends Version {
  readonly status: GitHubDeploymentStatus;
}

const CONTEXT = 'berth';

/** Letters that set the status of a commit. */
export function statusLetters(options: LetterOptions): (repo: RepoName, saying: CommitSaying) => Letter {
  const { github, targetUrl } = options;
  const known = new Set<string>();
  return (repo, { commit, state, description }) => {
    const status: CommitStatus = { state, description, ...(targetUrl !== undefined && { targetUrl }) };
    const send = async (): Promise<void> => {
      const present = known.has(commit) ? undefined : await github.status(repo, commit, CONTEXT);
      bound(known).add(commit);
      if (same(present, status)) return;
      try {
        await github.setStatus(repo, commit, CONTEXT, status);
      } catch (error) {
        known.delete(commit);
        throw error;
      }
    };
    return { key: `status ${commit}`, area: 'status', text: JSON.stringify(status), send };
  };
}

interface Known {
  readonly id: number;
  readonly status: GitHubDeploymentStatus | undefined;
}

export interface DeploymentLetters {
  letter(saying: VersionSaying): Letter;
  /** By the letter's key: it is read again before the next. */
  forget(key: string): void;
}

/** Letters that set the state of a Deployment, and make it where there is none. */
export function deploymentLetters({ github, owner }: LetterOptions): DeploymentLetters {
  const known = new Map<string, Known>();

  const find = async ({ repo, environment, commit }: Version): Promise<Known | undefined> => {
    const [id] = await github.deployments({ repo, environment, mark: markOf(owner, environment) }, commit);
    return id === undefined ? undefined : { id, status: await github.deploymentStatus(repo, id) };
  };
  const make = async ({ repo, environment, commit }: Version): Promise<Known | undefined> => {
    if (commit === undefined) return undefined;
    const deployment = { repo, environment, commit, mark: markOf(owner, environment) };
    return { id: await github.createDeployment(deployment), status: undefined };
  };

  const letter = (saying: VersionSaying): Letter => {
    const { repo, environment, commit = '', status } = saying;
    const key = versionKey(saying);
    const deployment: GitHubDeployment = { repo, environment, commit, mark: markOf(owner, environment) };
    const send = async (): Promise<void> => {
      const there = known.get(key) ?? (await find(saying));
      if (isSaid(there?.status, status)) return;
      // What was never begun need not be ended.
      const target = there ?? (status.state === 'inactive' ? undefined : await make(saying));
      if (!target) return;
      bound(known).set(key, { id: target.id, status });
      try {
        await github.setDeploymentStatus(deployment, target.id, status);
      } catch (error) {
        known.delete(key);
        throw error;
      }
    };
    return { key, area: `deployments of ${repo.owner}/${repo.name}`, text: JSON.stringify(status), send };
  };
  return {
    letter,
    forget: (key) => {
      known.delete(key);
    },
  };
}

/** A version that once ran is not on its way again because it is started anew or healed; an end is an end. */
function isSaid(present: GitHubDeploymentStatus | undefined, wanted: GitHubDeploymentStatus): boolean {
  if (present?.state === 'success' && wanted.state === 'in_progress') return true;
  return (present?.state === 'inactive' && wanted.state === 'inactive') || same(present, wanted);
}

function markOf(owner: string, environment: string): string {
  return `${owner}/${environment}`;
}

/** One for each place, whatever the case of its repo's name. */
export function placeKey({ repo, environment }: Place): string {
  return `${repo.owner}/${repo.name} ${environment}`.toLowerCase();
}

/** One for each commit at a place. */
export function versionKey(version: Version): string {
  return `${placeKey(version)} ${version.commit ?? ''}`;
}

/** In whatever order their fields are. */
function same(present: object | undefined, wanted: object): boolean {
  const sorted = (value: object): string => JSON.stringify(Object.entries(value).sort());
  return present !== undefined && sorted(present) === sorted(wanted);
}

/** What only spares a reading may be forgotten at any time. */
export function bound<T extends { readonly size: number; clear(): void }>(cache: T): T {
  if (cache.size > 5000) cache.clear();
  return cache;
}
