/** GitHub Deployments and commit statuses, as the tests' GitHub keeps and shows them. */
import {
  type DeploymentRow,
  GitHubError,
  type GitHubState,
  type RepoState,
  type StatusRow,
} from './github-state.ts';

type Body = Readonly<Record<string, unknown>>;

const STATES = ['error', 'failure', 'inactive', 'in_progress', 'queued', 'pending', 'success'];

/** `POST …/deployments`: 201, 409 where contexts are required that are no success, 422 for what is no such value. */
export function createDeployment(
  state: GitHubState,
  repo: RepoState,
  body: Body & { readonly ref: string },
  sha: string,
) {
  const { ref, task = 'deploy', environment = 'production', description = null, payload = {} } = body;
  const { auto_merge = true, required_contexts, transient_environment = false } = body;
  for (const [name, value] of Object.entries({ task, environment }))
    if (typeof value !== 'string' || value === '' || value.length > 255)
      throw new GitHubError(422, `${name} is invalid`);
  for (const [name, value] of Object.entries({ auto_merge, transient_environment }))
    if (typeof value !== 'boolean') throw new GitHubError(422, `${name} is not a boolean`);
  if (required_contexts !== undefined && !Array.isArray(required_contexts))
    throw new GitHubError(422, 'required_contexts is not an array');
  checkContexts(repo, sha, required_contexts as readonly unknown[] | undefined);
  const { production_environment = environment === 'production' } = body;
  const row: DeploymentRow = {
    ...{ id: state.nextId++, sha, ref, task: String(task), environment: String(environment), payload },
    ...{ description: description as string | null, transient: transient_environment as boolean },
    ...{ production: production_environment as boolean, statuses: [] },
  };
  repo.deployments.push(row);
  return { status: 201, body: deploymentJson(state, repo, row) };
}

/** Without a list, every context that the commit has must be a success. */
function checkContexts(repo: RepoState, sha: string, required: readonly unknown[] | undefined): void {
  const newest = new Map(
    repo.statuses.filter((row) => row.sha === sha).map((row) => [row.context, row.state]),
  );
  const open = (required ?? [...newest.keys()]).filter(
    (context) => newest.get(String(context)) !== 'success',
  );
  if (open.length > 0)
    throw new GitHubError(409, 'Conflict: Commit status checks failed for the ref.', { errors: open });
}

/** `POST …/deployments/{id}/statuses`: a success makes older ones of the environment inactive. */
export function createDeploymentStatus(
  state: GitHubState,
  repo: RepoState,
  deployment: DeploymentRow,
  body: Body,
): object {
  const word = String(body.state);
  if (!STATES.includes(word)) throw new GitHubError(422, 'state is not included in the list');
  const row = {
    ...{ id: state.nextId++, state: word, description: String(body.description ?? '') },
    ...{ environment_url: String(body.environment_url ?? ''), log_url: String(body.log_url ?? '') },
  };
  deployment.statuses.push(row);
  const older = repo.deployments.filter(
    ({ id, environment, production, transient }) =>
      id < deployment.id && environment === deployment.environment && !production && !transient,
  );
  if (word === 'success' && body.auto_inactive !== false) {
    for (const { statuses } of older)
      if (statuses.at(-1)?.state === 'success')
        statuses.push({
          id: state.nextId++,
          state: 'inactive',
          description: '',
          environment_url: '',
          log_url: '',
        });
  }
  return { ...row, deployment_url: `${state.api}/repos/${repo.full}/deployments/${deployment.id}` };
}

/** A deployment as the API gives it. */
export function deploymentJson({ api }: GitHubState, { full }: RepoState, row: DeploymentRow): object {
  const { statuses: _, production, transient, ...rest } = row;
  const url = `${api}/repos/${full}/deployments/${row.id}`;
  const times = { created_at: '2030-01-01T00:00:00Z', updated_at: '2030-01-01T00:00:00Z' };
  return {
    ...{ ...rest, ...times, url, statuses_url: `${url}/statuses`, original_environment: row.environment },
    ...{ production_environment: production, transient_environment: transient },
  };
}

/** A commit status as the API gives it. */
export function statusJson({ api }: GitHubState, { full }: RepoState, row: StatusRow): object {
  const { sha, ...rest } = row;
  return { ...rest, url: `${api}/repos/${full}/statuses/${sha}`, avatar_url: null, node_id: '' };
}
