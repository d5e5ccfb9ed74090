/**
 * A config repo behind http(s). A bare, shallow copy in the data dir keeps the last good commit in force while the
 * remote is down, across restarts too; one that is broken, or of another address, is fetched anew beside and swapped.
 * A force-push is followed. The operator named the host, so it is not restricted.
 */
import fs from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import git from 'isomorphic-git';
import { redact } from '../../clients/git/address.ts';
import { initBare } from '../../clients/git/cache.ts';
import { createConfigHttp } from '../../clients/git/config-http.ts';
import { StalledError, TransientError } from '../../core/errors.ts';
import type { ConfigBranch, ConfigRepoOptions, Draft, Landing } from './branch.ts';
import { pushCommit } from './push.ts';
import { findCommit, writeCommit } from './write-commit.ts';

/** The whole answer is held in memory: a config repo is small, an app belongs in a repo of its own. */
const LIMITS = { timeoutMs: 120_000, maxBytes: 64 * 2 ** 20 };

/** Each fetch leaves one pack, and nothing repacks them. */
const MAX_PACKS = 50;

/** RELIABILITY F51: somebody who is faster five times will be faster the sixth time too. */
const MAX_TRIES = 5;

/** Among so many of the newest commits one is looked for whose push was never answered. */
const LOOK_BACK = 50;

/** `cache` is the directory of the copy. Throws StalledError for an address with user info. */
export function remoteBranch(options: ConfigRepoOptions, cache: string): ConfigBranch {
  const url = checkedUrl(options.location);
  const ref = `refs/remotes/origin/${options.branch}`;
  const known = () => knownCommit(cache, url, ref);

  const poll = async (signal: AbortSignal): Promise<string> => {
    const there = await remoteCommit(options, url, signal);
    const here = await known();
    if (here === there) return here;
    const inPlace = here !== undefined && (await packs(cache)) < MAX_PACKS;
    return options.step(`git.fetch config repo ${there.slice(0, 7)}`, () =>
      inPlace ? fetchInto(cache, options, signal) : fetchAnew(cache, options, signal),
    );
  };

  return {
    commit: async (signal) => (await known()) ?? poll(signal),
    place: async () => ({ gitDir: cache, subject: 'the config repo' }),
    poll: async (signal) => {
      await poll(signal);
    },
    discard: () => options.step('git.evict config repo', () => rm(cache, { recursive: true, force: true })),
    watch: async () => undefined,
    advance: (draft, signal) => advance(cache, draft, { ...options, url, ref, signal }),
    maxTries: MAX_TRIES,
  };
}

/** The commit is made in the copy, which no ref names until it has arrived. */
async function advance(
  cache: string,
  draft: Draft,
  options: ConfigRepoOptions & { readonly url: URL; readonly ref: string; readonly signal: AbortSignal },
): Promise<Landing> {
  const { url, ref, branch, file, step, signal } = options;
  const at = { gitDir: cache };
  const commit = await step(`git.commit ${file}`, () => writeCommit(at, file, draft));
  const http = httpFor(options, url, signal);
  const token = options.token === undefined ? {} : { token: options.token };
  const pushed = await step(`git.push ${branch} ${commit.slice(0, 7)}`, () =>
    pushCommit({ gitdir: cache, url, branch, http, ...token }, { commit, parent: draft.parent }),
  );
  if (pushed === 'arrived') return { commit };
  if ('moved' in pushed) return pushed;
  const find = async (now: AbortSignal): Promise<string | undefined> => {
    await step(`git.fetch config repo ${branch}`, () => fetchInto(cache, options, now, LOOK_BACK));
    return findCommit(at, ref, draft.message.intent);
  };
  return { unsure: { error: pushed.unsure, find } };
}

function checkedUrl(location: string): URL {
  if (!URL.canParse(location)) throw new StalledError(`BERTH_CONFIG_REPO ${redact(location)} is no address`);
  const url = new URL(location);
  if (url.username === '' && url.password === '') return url;
  throw new StalledError(`BERTH_CONFIG_REPO ${redact(location)}: move the token to BERTH_CONFIG_TOKEN`);
}

/** The commit of the copy; undefined when there is none, or it is of another address. */
async function knownCommit(gitdir: string, url: URL, ref: string): Promise<string | undefined> {
  try {
    const of = await git.getConfig({ fs, gitdir, path: 'remote.origin.url' });
    return of === url.href ? await git.resolveRef({ fs, gitdir, ref }) : undefined;
  } catch {
    // Whatever is wrong with the copy, it is made anew.
    return undefined;
  }
}

async function remoteCommit(options: ConfigRepoOptions, url: URL, signal: AbortSignal): Promise<string> {
  const http = httpFor(options, url, signal);
  const prefix = 'refs/heads/';
  const refs = await git
    .listServerRefs({ http, url: url.href, prefix, protocolVersion: 2 })
    .catch((error: unknown) => {
      throw explain(error, url);
    });
  const found = refs.find(({ ref }) => ref === prefix + options.branch);
  if (found) return found.oid;
  const some = refs.slice(0, 5).map(({ ref }) => ref.slice(prefix.length));
  throw new StalledError(
    `the config repo ${redact(url.href)} has no branch ${options.branch}: ${some.length > 0 ? `there is ${some.join(', ')}` : 'it has no commits yet'}`,
  );
}

/** Complete or not at all: what is there is replaced only by a copy that was fetched. */
async function fetchAnew(cache: string, options: ConfigRepoOptions, signal: AbortSignal): Promise<string> {
  const beside = `${cache}.new`;
  await rm(beside, { recursive: true, force: true });
  const commit = await fetchInto(beside, options, signal);
  await rm(cache, { recursive: true, force: true });
  await rename(beside, cache);
  return commit;
}

async function fetchInto(
  gitdir: string,
  options: ConfigRepoOptions,
  signal: AbortSignal,
  depth = 1,
): Promise<string> {
  const url = new URL(options.location);
  await initBare(gitdir);
  await git.addRemote({ fs, gitdir, remote: 'origin', url: url.href, force: true });
  const { branch } = options;
  const what = { ref: branch, remoteRef: branch, singleBranch: true, tags: false, depth };
  const http = httpFor(options, url, signal);
  const result = await git
    .fetch({ fs, http, gitdir, remote: 'origin', url: url.href, ...what })
    .catch((error: unknown) => {
      throw explain(error, url);
    });
  if (result.fetchHead === null)
    throw new TransientError(`the config repo ${redact(url.href)} sent no commit`);
  return result.fetchHead;
}

function httpFor(options: ConfigRepoOptions, { origin }: URL, signal: AbortSignal) {
  const limits = options.limits ?? LIMITS;
  const token = options.token === undefined ? {} : { token: options.token };
  return createConfigHttp({ origin, ...limits, ...token, signal });
}

/** Only what the server itself says for good needs a person; everything else may pass. */
function explain(error: unknown, url: URL): Error {
  if (error instanceof TransientError || error instanceof StalledError) return error;
  const repo = `the config repo ${redact(url.href)}`;
  if (error instanceof git.Errors.HttpError) {
    const { statusCode } = error.data;
    if ([401, 403, 404, 410].includes(statusCode)) {
      const advice = 'correct BERTH_CONFIG_REPO, or set BERTH_CONFIG_TOKEN to a token that can read it';
      return new StalledError(`${repo} is private or misspelt (${statusCode}): ${advice}`, { cause: error });
    }
    return new TransientError(`${repo} answers with ${statusCode}`, { cause: error });
  }
  if (error instanceof git.Errors.SmartHttpError) {
    return new TransientError(`${repo} answers, but not as a Git server`, { cause: error });
  }
  return new TransientError(`${repo} can't be fetched`, { cause: error });
}

async function packs(gitdir: string): Promise<number> {
  return (await readdir(join(gitdir, 'objects/pack'))).filter((name) => name.endsWith('.pack')).length;
}
