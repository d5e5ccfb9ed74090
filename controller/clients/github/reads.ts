/** What Berth reads of a repo on GitHub: one call each, a list one a page. */
import type { Ask } from './ask.ts';
import { NoAccessError } from './errors.ts';
import { at, shown } from './names.ts';
import { all, fields, readBlob, readBranch, readRepo, readTree } from './shapes.ts';
import type { GitHub, RepoName } from './types.ts';

/** The most that the API gives on a page. */
const PAGE = 100;
const MAX_BRANCH_PAGES = 5;

type Reading = Pick<GitHub, 'token' | 'repo' | 'branches' | 'headOf' | 'tree' | 'blob'>;

/** Each throws as `ask` does. */
export function createReads(ask: Ask): Reading {
  const page = (repo: RepoName, number: number) =>
    ask({
      what: `read the branches of ${shown(repo)}`,
      send: ({ rest }) => rest.repos.listBranches({ ...at(repo), per_page: PAGE, page: number }),
      read: (data) => all(data, readBranch),
    });
  return {
    token: () =>
      ask({
        what: 'ask what GITHUB_TOKEN may',
        // Answered to any good token; `/rate_limit` is not there on an Enterprise Server that has no limits.
        send: ({ rest }) => rest.meta.root(),
        read: (data, headers) => {
          if (typeof fields(data)?.current_user_url !== 'string') return undefined;
          const scopes = headers['x-oauth-scopes'];
          if (scopes === undefined) return {};
          return {
            scopes: String(scopes)
              .split(/[\s,]+/)
              .filter((name) => name !== ''),
          };
        },
      }),
    repo: (repo) =>
      orNone(
        ask({
          what: `read ${shown(repo)}`,
          send: ({ rest }) => rest.repos.get(at(repo)),
          read: readRepo,
        }),
      ),
    async branches(repo) {
      const names: string[] = [];
      let more = true;
      for (let number = 1; more && number <= MAX_BRANCH_PAGES; number += 1) {
        const found = await page(repo, number);
        names.push(...found.map(({ name }) => name));
        more = found.length === PAGE;
      }
      return { names: [...new Set(names)].sort(), more };
    },
    headOf: async (repo, branch) => {
      const found = await orNone(
        ask({
          what: `read branch ${branch} of ${shown(repo)}`,
          send: ({ rest }) => rest.repos.getBranch({ ...at(repo), branch }),
          read: readBranch,
        }),
      );
      // The API leads from a branch's old name to its new one; git does not.
      return found?.name === branch ? found.commit : undefined;
    },
    tree: (repo, sha, recursive) =>
      ask({
        what: `list the files of ${shown(repo)} at ${sha.slice(0, 7)}`,
        // Any value of `recursive` turns it on, "false" too.
        send: ({ rest }) =>
          rest.git.getTree({ ...at(repo), tree_sha: sha, ...(recursive && { recursive: '1' }) }),
        read: readTree,
      }),
    blob: (repo, oid) =>
      ask({
        what: `read a file of ${shown(repo)}`,
        send: ({ rest }) => rest.git.getBlob({ ...at(repo), file_sha: oid }),
        read: readBlob,
      }),
  };
}

async function orNone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  const cause = error instanceof NoAccessError ? (error.cause as { readonly status?: unknown }) : undefined;
  return cause?.status === 404;
}
