/**
 * Which Git host an API speaks for, and so where its token may go: to exactly that origin, scheme and port included.
 * `https://api.github.com` speaks for `https://github.com`; a GitHub Enterprise Server (`https://HOST/api/v3`) for its
 * own origin (both from GitHub's documentation). Pure.
 */
import type { Credentials } from '../git/remote.ts';
import type { RepoName } from './types.ts';

/** GitHub's own rules for names, a little wider: letters, digits, `-`, `_` and `.`, never `.` or `..`. */
const NAME = /^(?!\.{1,2}$)[\w.-]{1,100}$/;

/** The origin of its Git repositories and pages. */
export function gitOrigin(apiUrl: string): string {
  const { origin } = new URL(apiUrl);
  return origin === 'https://api.github.com' ? 'https://github.com' : origin;
}

/** Owner and name of a repo on that host; undefined for an address of any other, or of no repo. */
export function repoOn(apiUrl: string, address: string): RepoName | undefined {
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  if (url.origin !== gitOrigin(apiUrl) || url.username || url.password || url.search || url.hash)
    return undefined;
  const [owner = '', name = '', ...rest] = url.pathname.replace(/^\/|(\.git)?\/*$/g, '').split('/');
  return rest.length === 0 && NAME.test(owner) && NAME.test(name) ? { owner, name } : undefined;
}

export interface GitHubLogin {
  readonly apiUrl: string;
  readonly token?: string;
}

/** What git is to log in with at an address: the token on the API's own host, nothing anywhere else. */
export function gitCredentials(login: GitHubLogin): (url: URL) => Credentials | undefined {
  const { apiUrl, token } = login;
  if (token === undefined) return () => undefined;
  const origin = gitOrigin(apiUrl);
  // The user name that GitHub's documentation gives for an app's token; with a person's own any will do.
  return (url) => (url.origin === origin ? { username: 'x-access-token', password: token } : undefined);
}
