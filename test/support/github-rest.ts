/** The REST API of the tests' GitHub: routes, rights, checks of what is sent. See github-api.ts for what was checked. */
import {
  createDeployment,
  createDeploymentStatus,
  deploymentJson,
  statusJson,
} from './github-deployments.ts';
import { type Call, GitHubError, type GitHubState, type RepoState, type Rights } from './github-state.ts';

export interface RestAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

interface Asked {
  readonly state: GitHubState;
  readonly call: Call;
  readonly rights: Rights | undefined;
  readonly repo: RepoState;
  readonly part: readonly string[];
}

type Reply = { readonly status?: number; readonly body: unknown; readonly link?: string };

interface Route {
  readonly method: string;
  readonly path: RegExp;
  /** Of a fine-grained token; the classic scope that also does is `scope`, beside `repo`. */
  readonly needs: readonly [permission: string, level: 'read' | 'write'];
  readonly scope?: string;
  readonly reply: (asked: Asked) => Reply;
}

const SHA = '([0-9a-f]{40})';

const ROUTES: readonly Route[] = [
  { method: 'GET', path: /^$/, needs: ['metadata', 'read'], reply: repoJson },
  { method: 'GET', path: /^\/branches$/, needs: ['contents', 'read'], reply: branches },
  { method: 'GET', path: /^\/branches\/(.+)$/, needs: ['contents', 'read'], reply: branch },
  { method: 'GET', path: /^\/git\/trees\/([^/]+)$/, needs: ['contents', 'read'], reply: tree },
  { method: 'GET', path: new RegExp(`^/git/blobs/${SHA}$`), needs: ['contents', 'read'], reply: blob },
  { method: 'GET', path: /^\/commits\/([^/]+)\/status$/, needs: ['statuses', 'read'], reply: combined },
  {
    method: 'POST',
    path: /^\/statuses\/([^/]+)$/,
    needs: ['statuses', 'write'],
    scope: 'repo:status',
    reply: setStatus,
  },
  { method: 'GET', path: /^\/deployments$/, needs: ['deployments', 'read'], reply: deployments },
  {
    method: 'POST',
    path: /^\/deployments$/,
    needs: ['deployments', 'write'],
    scope: 'repo_deployment',
    reply: addDeployment,
  },
  {
    method: 'GET',
    path: /^\/deployments\/(\d+)\/statuses$/,
    needs: ['deployments', 'read'],
    reply: deploymentStatuses,
  },
  {
    method: 'POST',
    path: /^\/deployments\/(\d+)\/statuses$/,
    needs: ['deployments', 'write'],
    scope: 'repo_deployment',
    reply: addDeploymentStatus,
  },
];

/** Answers one call, and changes the state as it says. */
export async function answerRest(state: GitHubState, call: Call): Promise<RestAnswer> {
  const headers: Record<string, string> = { 'content-type': 'application/json; charset=utf-8' };
  try {
    const rights = whoIs(state, call);
    spend(state, headers);
    if (rights && !rights.permissions) headers['x-oauth-scopes'] = (rights.scopes ?? ['repo']).join(', ');
    if (call.method === 'GET' && call.path === '/')
      return { status: 200, headers, body: { current_user_url: `${state.api}/user` } };
    if (call.method === 'GET' && call.path === '/rate_limit')
      return { status: 200, headers, body: { resources: {}, rate: { limit: 5000, ...state.limit } } };
    const { status = 200, body, link } = route(state, call, rights);
    if (link) headers.link = link;
    return { status, headers, body };
  } catch (error) {
    if (!(error instanceof GitHubError)) throw error;
    return { status: error.status, headers: { ...headers, ...error.headers }, body: error.body };
  }
}

function whoIs(state: GitHubState, { authorization }: Call): Rights | undefined {
  if (authorization === undefined) return undefined;
  const token = /^(?:bearer|token) (\S+)$/i.exec(authorization)?.[1] ?? '';
  const rights = state.tokens.get(token);
  if (!rights) throw new GitHubError(401, 'Bad credentials');
  return rights;
}

function spend({ limit }: GitHubState, headers: Record<string, string>): void {
  const spent = limit.remaining === 0;
  if (!spent) limit.remaining -= 1;
  headers['x-ratelimit-limit'] = '5000';
  headers['x-ratelimit-remaining'] = String(limit.remaining);
  headers['x-ratelimit-reset'] = String(Math.ceil(limit.resetMs / 1000));
  if (spent) throw new GitHubError(403, 'API rate limit exceeded for user ID 1.');
}

function route(state: GitHubState, call: Call, rights: Rights | undefined): Reply {
  const [, owner = '', name = '', rest = ''] = /^\/repos\/([^/]+)\/([^/]+)(\/.*)?$/.exec(call.path) ?? [];
  const full = decodeURIComponent(`${owner}/${name}`).toLowerCase();
  const renamed = [...state.repos.values()].find(({ formerly }) => formerly?.toLowerCase() === full);
  if (renamed)
    throw new GitHubError(call.method === 'GET' ? 301 : 307, 'Moved Permanently', {
      headers: { location: `${state.api}/repos/${renamed.full}${rest}` },
    });
  const repo = state.repos.get(full);
  const mayRead = repo && (!repo.private || (rights && covers(rights, repo, 'repo')));
  if (!repo || !mayRead) throw new GitHubError(404, 'Not Found');
  const found = ROUTES.find(({ method, path }) => method === call.method && path.test(rest));
  if (!found) throw new GitHubError(404, 'Not Found');
  authorise(found, repo, rights);
  const part = (found.path.exec(rest) ?? []).slice(1).map(decodeURIComponent);
  return found.reply({ state, call, rights, repo, part });
}

/** A classic token's scopes count on every repo, a fine-grained one's permissions on those that it names. */
function covers(rights: Rights, repo: RepoState, ...scopes: readonly string[]): boolean {
  if (rights.repos && !rights.repos.includes(repo.full)) return false;
  if (rights.permissions) return true;
  const own = rights.scopes ?? ['repo'];
  return scopes.some((scope) => own.includes(scope)) || (!repo.private && own.includes('public_repo'));
}

function authorise({ method, needs, scope }: Route, repo: RepoState, rights: Rights | undefined): void {
  const [permission, level] = needs;
  if (!rights) {
    // Of a public repo, anybody may read; that there is more to it is not told.
    if (level === 'write') throw new GitHubError(404, 'Not Found');
    return;
  }
  if (rights.permissions) {
    const has = rights.permissions[permission];
    const named = rights.repos?.includes(repo.full) ?? true;
    if (level === 'read' && !repo.private) return;
    if (named && (has === 'write' || (has === 'read' && level === 'read') || permission === 'metadata'))
      return;
    throw new GitHubError(403, 'Resource not accessible by personal access token', {
      headers: { 'x-accepted-github-permissions': `${permission}=${level}` },
    });
  }
  if (method === 'GET' || covers(rights, repo, 'repo', ...(scope ? [scope] : []))) return;
  throw new GitHubError(404, 'Not Found', { headers: { 'x-accepted-oauth-scopes': scope ?? 'repo' } });
}

function repoJson({ repo, state }: Asked): Reply {
  const [owner, name] = repo.full.split('/');
  const head = repo.git('symbolic-ref', '--short', 'HEAD');
  const urls = { url: `${state.api}/repos/${repo.full}`, clone_url: `${state.origin}/${repo.full}.git` };
  return {
    body: {
      ...{ id: 1, name, full_name: repo.full, private: repo.private, ...urls },
      ...{ owner: { login: owner }, fork: false, default_branch: head },
    },
  };
}

function branches({ state, call, repo }: Asked): Reply {
  const lines = repo
    .git('for-each-ref', '--format=%(objectname) %(refname:lstrip=2)', 'refs/heads')
    .split('\n');
  const rows = lines
    .filter((line) => line !== '')
    .map((line) => {
      const [sha = '', name = ''] = line.split(' ');
      return branchJson(state, repo, name, sha);
    });
  return paged(state, call, rows);
}

function branch({ state, repo, part: [name = ''] }: Asked): Reply {
  const sha = repo.git('for-each-ref', '--format=%(objectname)', `refs/heads/${name}`);
  if (!/^[0-9a-f]{40}$/.test(sha)) throw new GitHubError(404, 'Branch not found');
  return { body: branchJson(state, repo, name, sha) };
}

function branchJson({ api }: GitHubState, { full }: RepoState, name: string, sha: string): object {
  return { name, commit: { sha, url: `${api}/repos/${full}/commits/${sha}` }, protected: false };
}

/** `Link` as the API gives it: next and last, where there are. */
function paged(state: GitHubState, { path, query }: Call, rows: readonly unknown[]): Reply {
  const perPage = Math.min(Math.max(Number(query.per_page ?? 30) || 30, 1), 100);
  const page = Math.max(Number(query.page ?? 1) || 1, 1);
  const last = Math.ceil(rows.length / perPage);
  const to = (number: number, rel: string): string => {
    const search = new URLSearchParams({ ...query, page: String(number) });
    return `<${state.api}${path}?${search}>; rel="${rel}"`;
  };
  const body = rows.slice((page - 1) * perPage, page * perPage);
  return page < last ? { body, link: `${to(page + 1, 'next')}, ${to(last, 'last')}` } : { body };
}

function tree({ state, call, repo, part: [sha = ''] }: Asked): Reply {
  if (repo.git('for-each-ref') === '') throw new GitHubError(409, 'Git Repository is empty.');
  const oid = tryGit(repo, 'rev-parse', '--verify', '--quiet', '--end-of-options', `${sha}^{tree}`);
  if (oid === undefined) throw new GitHubError(404, 'Not Found');
  const recursive = call.query.recursive !== undefined;
  const lines = repo.git('ls-tree', ...(recursive ? ['-r', '-t'] : []), '-l', '-z', oid).split('\0');
  const rows = lines.flatMap((line) => {
    const [, mode, type, id, size, path] = /^(\d+) (\w+) (\w+) +(-|\d+)\t(.+)$/s.exec(line) ?? [];
    if (path === undefined) return [];
    return [{ path, mode, type, sha: id, ...(type === 'blob' && { size: Number(size) }) }];
  });
  const max = state.maxTree ?? 100_000;
  return { body: { sha: oid, tree: rows.slice(0, max), truncated: rows.length > max } };
}

function blob({ repo, part: [sha = ''] }: Asked): Reply {
  if (tryGit(repo, 'cat-file', '-t', sha) !== 'blob') throw new GitHubError(404, 'Not Found');
  const size = Number(repo.git('cat-file', '-s', sha));
  const bytes = repo.bytes(sha);
  return {
    body: { sha, size, encoding: 'base64', content: bytes.toString('base64').replace(/.{60}/g, '$&\n') },
  };
}

function combined({ state, call, repo, part: [ref = ''] }: Asked): Reply {
  const sha = commitOf(repo, ref);
  const newest = new Map<string, unknown>();
  for (const row of repo.statuses)
    if (row.sha === sha) newest.set(row.context.toLowerCase(), statusJson(state, repo, row));
  const rows = [...newest.values()].reverse();
  const { body, link } = paged(state, call, rows);
  return {
    body: { state: 'pending', statuses: body, sha, total_count: rows.length },
    ...(link !== undefined && { link }),
  };
}

function setStatus({ state, call, repo, part: [ref = ''] }: Asked): Reply {
  const { state: word, description = null, target_url = null, context = 'default' } = asObject(call.body);
  const sha = /^[0-9a-f]{40}$/.test(ref)
    ? tryGit(repo, 'rev-parse', '--verify', '--quiet', `${ref}^{commit}`)
    : undefined;
  if (sha === undefined) throw invalid(`No commit found for SHA: ${ref}`);
  if (!['error', 'failure', 'pending', 'success'].includes(String(word)))
    throw invalid('state is not included in the list');
  if (typeof context !== 'string' || context === '') throw invalid("context can't be blank");
  checkDescription(description);
  if (target_url !== null) checkUrl('target_url', target_url);
  const same = repo.statuses.filter((row) => row.sha === sha && row.context === context);
  if (same.length >= 1000) throw invalid('This SHA and context has reached the maximum number of statuses.');
  const row = {
    ...{ id: state.nextId++, sha, state: String(word), context },
    ...{ description: description as string | null, target_url: target_url as string | null },
  };
  repo.statuses.push(row);
  return { status: 201, body: statusJson(state, repo, row) };
}

function deployments({ state, call, repo }: Asked): Reply {
  const { sha, ref, task, environment } = call.query;
  const rows = repo.deployments.filter(
    (row) =>
      (sha === undefined || row.sha === sha) &&
      (ref === undefined || row.ref === ref) &&
      (task === undefined || row.task === task) &&
      (environment === undefined || row.environment === environment),
  );
  return paged(
    state,
    call,
    rows.reverse().map((row) => deploymentJson(state, repo, row)),
  );
}

function addDeployment({ state, call, repo }: Asked): Reply {
  const body = asObject(call.body);
  if (typeof body.ref !== 'string') throw invalid('"ref" wasn\'t supplied.');
  const sha = tryGit(repo, 'rev-parse', '--verify', '--quiet', '--end-of-options', `${body.ref}^{commit}`);
  if (sha === undefined) throw invalid(`No ref found for: ${body.ref}`);
  return createDeployment(state, repo, { ...body, ref: body.ref }, sha);
}

function deploymentOf({ repo, part: [id] }: Asked) {
  const found = repo.deployments.find((row) => row.id === Number(id));
  if (!found) throw new GitHubError(404, 'Not Found');
  return found;
}

function deploymentStatuses(asked: Asked): Reply {
  return paged(asked.state, asked.call, [...deploymentOf(asked).statuses].reverse());
}

function addDeploymentStatus(asked: Asked): Reply {
  const deployment = deploymentOf(asked);
  const body = asObject(asked.call.body);
  checkDescription(body.description ?? '');
  for (const field of ['environment_url', 'log_url', 'target_url'])
    if (body[field] !== undefined && body[field] !== '') checkUrl(field, body[field]);
  return { status: 201, body: createDeploymentStatus(asked.state, asked.repo, deployment, body) };
}

function commitOf(repo: RepoState, ref: string): string {
  const sha = tryGit(repo, 'rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`);
  if (sha === undefined) throw invalid(`No commit found for SHA: ${ref}`);
  return sha;
}

function checkDescription(description: unknown): void {
  if (description === null) return;
  if (typeof description !== 'string') throw invalid('description must be a string');
  if ([...description].length > 140) throw invalid('description is too long (maximum is 140 characters)');
}

function checkUrl(field: string, value: unknown): void {
  const good = typeof value === 'string' && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
  if (!good) throw invalid(`${field} must use http(s) scheme`);
}

function asObject(body: unknown): Readonly<Record<string, unknown>> {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new GitHubError(400, 'Problems parsing JSON');
  return body as Readonly<Record<string, unknown>>;
}

function invalid(message: string): GitHubError {
  return new GitHubError(422, message);
}

function tryGit(repo: RepoState, ...args: readonly string[]): string | undefined {
  try {
    return repo.git(...args);
  } catch {
    return undefined;
  }
}
