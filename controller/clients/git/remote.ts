/** One remote repository over HTTP: what every request to it needs, and the list of its refs. */

import { TransientError } from '../../core/errors.ts';
import { parseRepoUrl, pinAddress, type Resolve, shownUrl } from './address.ts';
import { BrokenCacheError, remoteError } from './errors.ts';
import { type GitConfig, runGit } from './git.ts';
import { parseRefs, type RemoteRefs } from './refs.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface RemoteOptions {
  readonly gitAllow: readonly string[];
  readonly resolve: Resolve;
  readonly credentials?: (url: URL) => Credentials | undefined;
  /** A PEM bundle that replaces the system's. */
  readonly caFile?: string;
}

export interface Remote {
  readonly url: string;
  /** For messages and labels. */
  readonly shown: string;
  /** Checks the host's addresses, and gives git what pins it to them; asked before every request. */
  config(): Promise<GitConfig>;
}

/** Throws StalledError when the address itself is refused. */
export function createRemote(repo: string, options: RemoteOptions): Remote {
  const url = parseRepoUrl(repo, options.gitAllow);
  return {
    url: url.href,
    shown: shownUrl(url),
    config: async () => {
      const pin = await pinAddress(url, options);
      const login = options.credentials?.(url);
      return [
        ...(pin === undefined ? [] : [['http.curloptResolve', pin] as const]),
        // A header of this origin alone (git-config, http.<url>.*): no other host or port ever gets it.
        ...(login === undefined ? [] : [[`http.${url.origin}/.extraHeader`, basic(login)] as const]),
        ...(options.caFile === undefined ? [] : [['http.sslCAInfo', options.caFile] as const]),
      ];
    },
  };
}

/** All refs, in one request pair. Throws TransientError or StalledError. */
export async function listRefs(
  remote: Remote,
  options: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<RemoteRefs> {
  const config = await remote.config();
  try {
    const out = await runGit(['ls-remote', '--symref', '--', remote.url], { ...options, config });
    return parseRefs(out.toString());
  } catch (failure) {
    const error = remoteError(remote.shown, failure);
    // There is no cache in play here, so what git said is about the far side.
    throw error instanceof BrokenCacheError ? new TransientError(error.message, { cause: failure }) : error;
  }
}

function basic({ username, password }: Credentials): string {
  return `Authorization: Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
