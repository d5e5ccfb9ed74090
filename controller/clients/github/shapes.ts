/**
 * GitHub's answers, read strictly: whatever is not of the shape that its reference gives (`@octokit/openapi-types`) is
 * undefined, never half a value. Pure.
 */
import type { CommitStatus, GitHubDeploymentStatus, RepoFacts, TreeItem } from './types.ts';

type Fields = Readonly<Record<string, unknown>>;

const SHA = /^[0-9a-f]{40}$/;

/** A JSON object; undefined for anything else. */
export function fields(data: unknown): Fields | undefined {
  return typeof data === 'object' && data !== null && !Array.isArray(data) ? (data as Fields) : undefined;
}

/** Every item read, or undefined when one can't be. */
export function all<T>(data: unknown, read: (item: Fields) => T | undefined): readonly T[] | undefined {
  if (!Array.isArray(data)) return undefined;
  const items = data.map((item: unknown) => {
    const known = fields(item);
    return known && read(known);
  });
  return items.some((item) => item === undefined) ? undefined : (items as readonly T[]);
}

/** `GET /repos/{owner}/{repo}` */
export function readRepo(data: unknown): RepoFacts | undefined {
  const { private: hidden, default_branch: defaultBranch } = fields(data) ?? {};
  if (typeof hidden !== 'boolean' || typeof defaultBranch !== 'string') return undefined;
  return { private: hidden, defaultBranch };
}

export interface Branch {
  readonly name: string;
  readonly commit: string;
}

/** An item of `GET /repos/{owner}/{repo}/branches`, and `…/branches/{branch}`. */
export function readBranch(data: unknown): Branch | undefined {
  const { name, commit } = fields(data) ?? {};
  const sha = fields(commit)?.sha;
  return typeof name === 'string' && isSha(sha) ? { name, commit: sha } : undefined;
}

/** `GET /repos/{owner}/{repo}/git/trees/{sha}`: a submodule has no size, a directory neither. */
export function readTree(
  data: unknown,
): { readonly items: readonly TreeItem[]; readonly truncated: boolean } | undefined {
  const { tree, truncated } = fields(data) ?? {};
  const items = all(tree, ({ path, mode, sha, size = 0 }): TreeItem | undefined =>
    typeof path === 'string' && typeof mode === 'string' && isSha(sha) && typeof size === 'number'
      ? { path, mode, oid: sha, size }
      : undefined,
  );
  return items && typeof truncated === 'boolean' ? { items, truncated } : undefined;
}

/** `GET /repos/{owner}/{repo}/git/blobs/{sha}` */
export function readBlob(data: unknown): Buffer | undefined {
  const { content, encoding, size } = fields(data) ?? {};
  if (typeof content !== 'string' || encoding !== 'base64') return undefined;
  const bytes = Buffer.from(content, 'base64');
  return bytes.length === size ? bytes : undefined;
}

const COMMIT_STATES: Readonly<Record<string, CommitStatus['state']>> = {
  pending: 'pending',
  success: 'success',
  failure: 'failure',
  error: 'failure',
};

/**
 * `GET /repos/{owner}/{repo}/commits/{ref}/status`, which has the newest status of each context; contexts differ whatever
 * their case. Null: none of ours.
 */
export function readStatus(data: unknown, context: string): CommitStatus | null | undefined {
  const statuses = all(fields(data)?.statuses, (status) => status);
  if (!statuses) return undefined;
  const own = statuses.find((status) => String(status.context).toLowerCase() === context.toLowerCase());
  if (!own) return null;
  const state = COMMIT_STATES[String(own.state)];
  if (state === undefined) return undefined;
  const targetUrl = own.target_url;
  return {
    state,
    description: typeof own.description === 'string' ? own.description : '',
    ...(typeof targetUrl === 'string' && targetUrl !== '' && { targetUrl }),
  };
}

export interface DeploymentRow {
  readonly id: number;
  readonly commit: string;
  readonly environment: string;
  /** Empty where there is none. */
  readonly mark: string;
}

/** A GitHub Deployment. Its payload comes back as it was given, or as the JSON text of it. */
export function readDeployment(data: unknown): DeploymentRow | undefined {
  const { id, sha, environment, payload } = fields(data) ?? {};
  const known = typeof id === 'number' && Number.isSafeInteger(id) && isSha(sha);
  if (!known || typeof environment !== 'string') return undefined;
  const mark = fields(typeof payload === 'string' ? parsed(payload) : payload)?.berth;
  return { id, commit: sha, environment, mark: typeof mark === 'string' ? mark : '' };
}

const DEPLOYMENT_STATES: readonly string[] = [
  'in_progress',
  'success',
  'failure',
  'inactive',
] satisfies GitHubDeploymentStatus['state'][];

/** `GET …/deployments/{id}/statuses`, newest first. Null: none, or one that Berth never sets. */
export function readDeploymentStatus(data: unknown): GitHubDeploymentStatus | null | undefined {
  const statuses = all(data, (status) => status);
  if (!statuses) return undefined;
  const { state, description, environment_url: environmentUrl, log_url: logUrl } = statuses[0] ?? {};
  if (typeof state !== 'string' || !DEPLOYMENT_STATES.includes(state)) return null;
  return {
    state: state as GitHubDeploymentStatus['state'],
    description: typeof description === 'string' ? description : '',
    ...(typeof environmentUrl === 'string' && environmentUrl !== '' && { environmentUrl }),
    ...(typeof logUrl === 'string' && logUrl !== '' && { logUrl }),
  };
}

function isSha(value: unknown): value is string {
  return typeof value === 'string' && SHA.test(value);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
