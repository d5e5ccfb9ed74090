/** What Berth tells GitHub: statuses of commits, and Deployments of app repos. Writes pass `step`. */
import type { Step } from '../../core/step.ts';
import type { Ask } from './ask.ts';
import { at, shown } from './names.ts';
import { all, readDeployment, readDeploymentStatus, readStatus } from './shapes.ts';
import type { GitHub, GitHubDeployment } from './types.ts';

/** The most that the API gives on a page. */
const PAGE = 100;

/** Each throws as `ask` does. */
export function createStatuses(ask: Ask, step: Step): Pick<GitHub, 'status' | 'setStatus'> {
  return {
    status: async (repo, commit, context) => {
      const found = await ask({
        what: `read the status of ${commit.slice(0, 7)} in ${shown(repo)}`,
        send: ({ rest }) => rest.repos.getCombinedStatusForRef({ ...at(repo), ref: commit, per_page: PAGE }),
        read: (data) => readStatus(data, context),
      });
      return found ?? undefined;
    },
    setStatus: (repo, commit, context, { state, description, targetUrl }) =>
      step(`github.status ${shown(repo)} ${commit.slice(0, 7)} ${state}`, async () => {
        await ask({
          what: `set the status of ${commit.slice(0, 7)} in ${shown(repo)}`,
          send: ({ rest }) =>
            rest.repos.createCommitStatus({
              ...at(repo),
              ...{ sha: commit, context, state, description },
              ...(targetUrl !== undefined && { target_url: targetUrl }),
            }),
          read: written,
        });
      }),
  };
}

type Deployments = Pick<
  GitHub,
  'deployments' | 'createDeployment' | 'deploymentStatus' | 'setDeploymentStatus'
>;

/** Each throws as `ask` does. */
export function createDeployments(ask: Ask, step: Step): Deployments {
  return {
    deployments: async ({ repo, environment, mark }, commit) => {
      const found = await ask({
        what: `list the deployments of ${shown(repo)}`,
        send: ({ rest }) =>
          rest.repos.listDeployments({
            ...at(repo),
            ...{ environment, per_page: PAGE },
            ...(commit !== undefined && { sha: commit }),
          }),
        read: (data) => all(data, readDeployment),
      });
      const own = found.filter((row) => row.mark === mark && row.environment === environment);
      return own.filter((row) => commit === undefined || row.commit === commit).map(({ id }) => id);
    },
    createDeployment: (deployment) =>
      step(`github.deployment ${labelOf(deployment)}`, () =>
        ask({
          what: `make a deployment in ${shown(deployment.repo)}`,
          send: ({ rest }) => rest.repos.createDeployment(asDeployment(deployment)),
          read: (data) => readDeployment(data)?.id,
        }),
      ),
    deploymentStatus: async (repo, id) => {
      const found = await ask({
        what: `read a deployment of ${shown(repo)}`,
        send: ({ rest }) =>
          rest.repos.listDeploymentStatuses({ ...at(repo), deployment_id: id, per_page: 1 }),
        read: readDeploymentStatus,
      });
      return found ?? undefined;
    },
    setDeploymentStatus: (deployment, id, { state, description, environmentUrl, logUrl }) =>
      step(`github.deployment ${labelOf(deployment)} ${state}`, async () => {
        await ask({
          what: `set the state of a deployment in ${shown(deployment.repo)}`,
          send: ({ rest }) =>
            rest.repos.createDeploymentStatus({
              ...at(deployment.repo),
              ...{ deployment_id: id, state, description, auto_inactive: false },
              ...(environmentUrl !== undefined && { environment_url: environmentUrl }),
              ...(logUrl !== undefined && { log_url: logUrl }),
            }),
          read: written,
        });
      }),
  };
}

/** Nothing is merged or waited for; and not "production", whose older deployments GitHub would never set inactive. */
function asDeployment({ repo, commit, environment, mark }: GitHubDeployment) {
  return {
    ...at(repo),
    ...{ ref: commit, environment, auto_merge: false, required_contexts: [] },
    ...{ production_environment: false, payload: { berth: mark }, description: `by Berth (${mark})` },
  };
}

/** An answer to a write that has an id did what it was asked. */
function written(data: unknown): undefined | true {
  const id = (data as { readonly id?: unknown } | null)?.id;
  return typeof id === 'number' || typeof id === 'bigint' ? true : undefined;
}

function labelOf({ repo, commit, environment }: GitHubDeployment): string {
  return `${shown(repo)} ${commit.slice(0, 7)} ${environment}`;
}
