/**
 * A GitHub Enterprise Server for tests, on 127.0.0.1: the REST API below `/api/v3` and, on the same origin, its Git
 * repositories (real bare repos behind `git http-backend`). State is kept, calls are recorded, faults are made on demand.
 *
 * Checked against the public reference (`@octokit/openapi-types` 29.0.1, generated from GitHub's own description 23.0.1):
 * paths, query parameters, required fields, enums, the fields of answers that clients read, 201/202/409/422 of
 * deployments, `auto_inactive` (older successes of the environment that are neither transient nor production), the
 * limits of trees, 301 for a renamed repo or branch. From docs.github.com, as stored: scopes and their headers, the two
 * kinds of rate limit and what to do after each, 1,000 statuses of a commit and context. From client sources in public
 * repositories: 422 for a description over 140 characters, `x-accepted-github-permissions` with 403. From memory,
 * unchecked: the other words of messages, 404 for what a token may not see, 307 for writes to a renamed repo, what the
 * Git host answers to which login, and that a permission is judged before the body is.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GitServer, startGitServer } from './git-server.ts';
import { answerRest } from './github-rest.ts';
import type { Call, DeploymentRow, Fault, GitHubState, Rights, StatusRow } from './github-state.ts';
import { makeRepo, type TestRepo } from './make-repo.ts';

const API = '/api/v3';

export interface GithubApi {
  readonly origin: string;
  /** For `GITHUB_API_URL`. */
  readonly apiUrl: string;
  /** `127.0.0.1:<port>`, for `BERTH_GIT_ALLOW`. */
  readonly host: string;
  readonly state: GitHubState;
  /** Everything asked below the API, in order, faults too. */
  readonly calls: Call[];
  /** Requests to the Git host: `GET /acme/blog/info/refs`. */
  readonly git: GitServer;
  /** Makes `owner/name`, without a commit. */
  addRepo(full: string, options?: { readonly private?: boolean }): TestRepo & { readonly url: string };
  addToken(token: string, rights?: Rights): void;
  revoke(token: string): void;
  /** Newest first. */
  statuses(full: string, sha: string): readonly StatusRow[];
  /** Oldest first. */
  deployments(full: string): readonly DeploymentRow[];
  /** What the next calls that match (`GET /repos/a/b?x=1`) get in place of an answer; `times` defaults to 1. */
  fail(match: RegExp, fault: Fault, times?: number): void;
  /** No more faults. */
  heal(): void;
  close(): Promise<void>;
}

/** Starts one, with no repos and no tokens. */
export async function startGithub(): Promise<GithubApi> {
  const root = mkdtempSync(join(tmpdir(), 'github-'));
  const git = await startGitServer(root);
  const calls: Call[] = [];
  const faults: { readonly match: RegExp; readonly fault: Fault; times: number }[] = [];
  const http = createServer((request, response) => {
    const inApi = (request.url ?? '').startsWith(`${API}/`);
    const work = inApi ? rest(request, response) : pass(state, git, request, response);
    work.catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const state: GitHubState = {
    ...{ origin, api: `${origin}${API}`, repos: new Map(), tokens: new Map() },
    ...{ nextId: 1, limit: { remaining: 5000, resetMs: Date.now() + 3_600_000 } },
  };

  const rest = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', origin);
    const call: Call = {
      method: request.method ?? '',
      path: url.pathname.slice(API.length),
      query: Object.fromEntries(url.searchParams),
      authorization: request.headers.authorization,
      body: parsed(await bodyOf(request)),
      status: 0,
    };
    calls.push(call);
    const due = faults.find(
      ({ match, times }) => times > 0 && match.test(`${call.method} ${call.path}${url.search}`),
    );
    if (due) due.times -= 1;
    if (due && due.fault.kind !== 'lost') return misbehave(due.fault, call, response);
    const { status, headers, body } = await answerRest(state, call);
    call.status = status;
    if (due) response.destroy();
    else response.writeHead(status, headers).end(status === 204 ? undefined : JSON.stringify(body));
  };

  return {
    ...{ origin, apiUrl: state.api, host: `127.0.0.1:${port}`, state, calls, git },
    addRepo(full, options = {}) {
      const repo = makeRepo(join(root, full));
      state.repos.set(full.toLowerCase(), {
        ...{ full, git: repo.git, dir: repo.dir, private: options.private ?? false },
        bytes: (oid) => execFileSync('git', ['--git-dir', repo.dir, 'cat-file', 'blob', oid]),
        ...{ statuses: [], deployments: [] },
      });
      return { ...repo, url: `${origin}/${full}` };
    },
    addToken: (token, rights = {}) => state.tokens.set(token, rights),
    revoke: (token) => state.tokens.delete(token),
    statuses: (full, sha) =>
      [...(state.repos.get(full)?.statuses ?? [])].reverse().filter((row) => row.sha === sha),
    deployments: (full) => state.repos.get(full)?.deployments ?? [],
    fail: (match, fault, times = 1) => faults.push({ match, fault, times }),
    heal: () => {
      faults.length = 0;
    },
    async close() {
      await new Promise<void>((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      });
      await git.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return null;
  }
}

function misbehave(fault: Exclude<Fault, { kind: 'lost' }>, call: Call, response: ServerResponse): void {
  if (fault.kind === 'hang') return;
  if (fault.kind === 'reset') response.destroy();
  else if (fault.kind === 'redirect') {
    call.status = fault.status ?? 302;
    response.writeHead(call.status, { location: fault.to }).end();
  } else if (fault.kind === 'html') {
    call.status = 200;
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Sign in</html>');
  } else {
    call.status = fault.status;
    const headers = { 'content-type': 'application/json; charset=utf-8', ...fault.headers };
    response.writeHead(fault.status, headers).end(JSON.stringify(fault.body ?? { message: 'fault' }));
  }
}

/** The Git host: a private repo asks for Basic with a token that may read it, and is not there for any other. */
async function pass(
  state: GitHubState,
  git: GitServer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [, owner = '', name = ''] = (request.url ?? '').split('/');
  const full = `${owner}/${name.replace(/\.git$/, '')}`;
  const repo = state.repos.get(full.toLowerCase());
  const { authorization } = request.headers;
  const password = Buffer.from(authorization?.replace(/^Basic /, '') ?? '', 'base64')
    .toString()
    .replace(/^[^:]*:/, '');
  const rights = state.tokens.get(password);
  const asks = { 'www-authenticate': 'Basic realm="GitHub"' };
  if (authorization !== undefined) git.authorizations.push(authorization);
  if (authorization !== undefined && !rights) return void response.writeHead(401, asks).end();
  const seen = repo && (!repo.private || (rights && (rights.repos?.includes(repo.full) ?? true)));
  if (!seen) return void response.writeHead(authorization === undefined ? 401 : 404, asks).end();
  const path = (request.url ?? '').replace(/^\/[^/]+\/[^/?]+/, `/${repo.full}`);
  const { authorization: _, host: __, ...headers } = request.headers;
  const inner = forward(`${git.origin}${path}`, { method: request.method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  inner.on('error', () => response.destroy());
  response.on('close', () => inner.destroy());
  request.pipe(inner);
}
