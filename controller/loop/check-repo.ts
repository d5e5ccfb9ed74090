/**
 * A look at a repo that somebody is about to name: is it there, what are its branches, what would be built of it. On
 * GitHub with a token through the API, without cloning; anywhere else `git ls-remote`, and a shallow fetch into the cache
 * that a deployment of it would use. The same rules of addresses hold as for a deployment.
 */
import { type Preview, preview } from '../build/preview.ts';
import { parseRepoUrl, type Resolve, systemResolve } from '../clients/git/address.ts';
import { resolveRef } from '../clients/git/refs.ts';
import { createRemote, listRefs } from '../clients/git/remote.ts';
import { gitOrigin } from '../clients/github/host.ts';
import { createGitHubTree } from '../clients/github/tree.ts';
import type { GitHub, RepoName } from '../clients/github/types.ts';
import type { Sources } from '../clients/types.ts';
import { messageOf, StalledError, TransientError } from '../core/errors.ts';

export interface RepoQuestion {
  readonly url: string;
  /** Default: the repo's own. */
  readonly branch?: string;
  /** Default `.`. */
  readonly path?: string;
}

export type RepoCheck =
  | { readonly exists: false; readonly why: string }
  | {
      readonly exists: true;
      readonly private: boolean;
      readonly defaultBranch?: string;
      /** Sorted; a few hundred at most, `more` when there are others. */
      readonly branches: readonly string[];
      readonly more: boolean;
      readonly found: Preview;
    };

export interface RepoCheckOptions {
  readonly sources: Pick<Sources, 'open'>;
  readonly gitAllow: readonly string[];
  readonly caFile?: string;
  /** Default: the system's resolver. */
  readonly resolve?: Resolve;
  readonly apiUrl: string;
  /** With a token. */
  readonly github?: Pick<GitHub, 'repo' | 'branches' | 'headOf' | 'tree' | 'blob'>;
  readonly repoOf: (address: string) => RepoName | undefined;
}

export type CheckRepo = (question: RepoQuestion, signal: AbortSignal) => Promise<RepoCheck>;

/** A person waits for the answer. */
const LIMITS = { lookMs: 10_000, fetchMs: 20_000, branches: 500 };

const TOKEN_NEEDS = 'fine-grained: "Contents", read-only, on this repo; classic: the scope "repo"';

/**
 * Throws StalledError for an address that is refused, a path that leaves the repo; TransientError when nothing can be
 * told now.
 */
export function createRepoCheck(options: RepoCheckOptions): CheckRepo {
  return async (question, signal) => {
    const url = parseRepoUrl(question.url, options.gitAllow);
    const path = checkedPath(question.path ?? '.');
    const repo = options.repoOf(question.url);
    const asked = { ...question, path };
    if (options.github && repo) return onGitHub(options.github, repo, asked);
    const check = await byGit(options, asked, signal);
    const hint = url.origin === gitOrigin(options.apiUrl) && !options.github;
    if (check.exists || !hint) return check;
    return { exists: false, why: `${check.why}; for a private one set GITHUB_TOKEN (${TOKEN_NEEDS})` };
  };
}

type Asked = RepoQuestion & { readonly path: string };

async function onGitHub(
  github: NonNullable<RepoCheckOptions['github']>,
  repo: RepoName,
  { branch, path }: Asked,
): Promise<RepoCheck> {
  const facts = await github.repo(repo);
  if (!facts) {
    const name = `${repo.owner}/${repo.name}`;
    const why = `${name} is not on GitHub, or GITHUB_TOKEN can't see it: correct the address, or give the token access (${TOKEN_NEEDS})`;
    return { exists: false, why };
  }
  const wanted = branch ?? facts.defaultBranch;
  const [{ names, more }, commit] = await Promise.all([github.branches(repo), github.headOf(repo, wanted)]);
  const known = { exists: true, private: facts.private, branches: names, more } as const;
  if (names.length === 0) return { ...known, found: nothingYet };
  const found: Preview =
    commit === undefined
      ? { state: 'nothing', why: `there is no branch ${wanted}` }
      : await preview(createGitHubTree(github, repo, commit), path);
  return { ...known, defaultBranch: facts.defaultBranch, found };
}

const nothingYet: Preview = { state: 'nothing', why: 'it shows no branches: push a first commit' };

async function byGit(
  options: RepoCheckOptions,
  { url, branch, path }: Asked,
  signal: AbortSignal,
): Promise<RepoCheck> {
  const remote = createRemote(url, { ...options, resolve: options.resolve ?? systemResolve });
  const refs = await listRefs(remote, { signal, timeoutMs: LIMITS.lookMs }).catch((error: unknown) => {
    if (error instanceof StalledError) return error.message;
    throw error;
  });
  if (typeof refs === 'string') return { exists: false, why: refs };
  const prefix = 'refs/heads/';
  const names = [...refs.oids.keys()].filter((name) => name.startsWith(prefix)).sort();
  const branches = names.slice(0, LIMITS.branches).map((name) => name.slice(prefix.length));
  const defaultBranch = refs.head?.startsWith(prefix) ? refs.head.slice(prefix.length) : undefined;
  const found = async (): Promise<Preview> => {
    if (names.length === 0) return nothingYet;
    try {
      const commit = resolveRef(remote.shown, branch === undefined ? {} : { branch }, refs);
      return await lookInside(options.sources, { url, commit, path }, signal);
    } catch (error) {
      if (error instanceof StalledError) return { state: 'nothing', why: error.message };
      throw error;
    }
  };
  return {
    // It let us read though nobody logged in.
    ...{ exists: true, private: false, branches },
    more: names.length > branches.length,
    ...(defaultBranch !== undefined && { defaultBranch }),
    found: await found(),
  };
}

async function lookInside(
  sources: Pick<Sources, 'open'>,
  { url, commit, path }: { readonly url: string; readonly commit: string; readonly path: string },
  signal: AbortSignal,
): Promise<Preview> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMITS.fetchMs)]);
  const look = async (): Promise<Preview> => preview(await sources.open(url, commit, limit), path);
  try {
    // A pass deletes the caches of repos that no entry names, also while we read: then once more.
    return await look().catch((error: unknown) => {
      if (error instanceof TransientError && !limit.aborted) return look();
      throw error;
    });
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    const why = limit.aborted ? 'it is too large to be looked at within 20 s' : messageOf(error);
    return { state: 'unknown', why };
  }
}

/** Relative and within the repo, as the file wants it. */
function checkedPath(path: string): string {
  const parts = path.replace(/^(\.\/)+|\/+$/g, '').split('/');
  if (path === '.' || path === './' || path === '') return '.';
  if (path.includes('\0') || parts.some((part) => part === '' || part === '.' || part === '..'))
    throw new StalledError('path must be a directory of the repo, such as apps/web');
  return parts.join('/');
}
