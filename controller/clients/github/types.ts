/**
 * What Berth needs of GitHub, in Berth's words. Every call asks once, within a time limit, and throws TransientError
 * (also at once, without asking, while the API wants to be left alone) or StalledError. Every write passes `step`.
 */

/** A repo on the host that the API speaks for. */
export interface RepoName {
  readonly owner: string;
  readonly name: string;
}

export interface RepoFacts {
  readonly private: boolean;
  readonly defaultBranch: string;
}

/** `GitHub` calls it a commit status; one per commit and context counts, the newest. */
export interface CommitStatus {
  readonly state: 'pending' | 'success' | 'failure';
  /** At most 140 characters. */
  readonly description: string;
  readonly targetUrl?: string;
}

/** One commit of an app repo in the environment of a deployment's name; `mark` says whose it is. */
export interface GitHubDeployment {
  readonly repo: RepoName;
  readonly commit: string;
  readonly environment: string;
  /** `<owner>/<deployment>`: what does not carry it is not ours, whatever its environment is called. */
  readonly mark: string;
}

export interface GitHubDeploymentStatus {
  readonly state: 'in_progress' | 'success' | 'failure' | 'inactive';
  /** At most 140 characters. */
  readonly description: string;
  readonly environmentUrl?: string;
  readonly logUrl?: string;
}

/** What the token is good for, as far as GitHub tells. */
export interface TokenFacts {
  /** Of a classic token; absent for a fine-grained one, which does not tell. */
  readonly scopes?: readonly string[];
}

export interface TreeItem {
  readonly path: string;
  readonly mode: string;
  readonly oid: string;
  readonly size: number;
}

export interface GitHub {
  /** What a token may, without asking for any repo. */
  token(): Promise<TokenFacts>;
  /** Undefined where there is none, or none that the token may see: GitHub does not say which. */
  repo(repo: RepoName): Promise<RepoFacts | undefined>;
  /** Sorted names, at most a few hundred; `more` when there are others. */
  branches(repo: RepoName): Promise<{ readonly names: readonly string[]; readonly more: boolean }>;
  /** Undefined where there is no such branch. */
  headOf(repo: RepoName, branch: string): Promise<string | undefined>;
  /** `sha` is a tree's or a commit's. Truncated: GitHub left entries out, and not all of them are here. */
  tree(
    repo: RepoName,
    sha: string,
    recursive: boolean,
  ): Promise<{ readonly items: readonly TreeItem[]; readonly truncated: boolean }>;
  blob(repo: RepoName, oid: string): Promise<Buffer>;
  /** The present status of a commit in a context. */
  status(repo: RepoName, commit: string, context: string): Promise<CommitStatus | undefined>;
  setStatus(repo: RepoName, commit: string, context: string, status: CommitStatus): Promise<void>;
  /** Ids of our own Deployments of an environment, newest first; of one commit, where it is given. */
  deployments(of: Omit<GitHubDeployment, 'commit'>, commit?: string): Promise<readonly number[]>;
  /** Asked for only when `deployments` has none. Gives its id. */
  createDeployment(deployment: GitHubDeployment): Promise<number>;
  deploymentStatus(repo: RepoName, id: number): Promise<GitHubDeploymentStatus | undefined>;
  /** Older ones keep their state: GitHub would end other people's of that environment too. */
  setDeploymentStatus(
    deployment: GitHubDeployment,
    id: number,
    status: GitHubDeploymentStatus,
  ): Promise<void>;
  /** Milliseconds until the API may be asked again; 0 when it may. */
  readonly pausedMs: number;
}
