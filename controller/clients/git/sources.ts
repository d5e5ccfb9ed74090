/**
 * Heads of app repos. Asking never waits: a first question starts a look in the background and is answered `pending`.
 * A repo that failed last time waits in a queue of its own, so that it delays no healthy one.
 */

import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import PQueue from 'p-queue';
import { StalledError } from '../../core/errors.ts';
import type { Step } from '../../core/step.ts';
import type { Sources } from '../types.ts';
import { type Resolve, redact, systemResolve } from './address.ts';
import { createCache } from './cache.ts';
import { SOURCE_LIMITS } from './entries.ts';
import { type Credentials, createRemote } from './remote.ts';
import { repoPlace } from './repo-place.ts';
import { look, type Question, type Source, summary } from './source-look.ts';
import { createTree } from './tree.ts';

export interface SourcesOptions {
  /** `<data>/sources`; ours alone. */
  readonly dir: string;
  readonly step: Step;
  /** `BERTH_GIT_ALLOW`. */
  readonly gitAllow: readonly string[];
  /** Called when anything became known or changed. */
  readonly onChange: () => void;
  /** Default: the system's resolver. */
  readonly resolve?: Resolve;
  readonly credentials?: (url: URL) => Credentials | undefined;
  /** A PEM bundle that git trusts in place of the system's. */
  readonly caFile?: string;
  readonly limits?: Partial<typeof LIMITS>;
}

const LIMITS = {
  ...SOURCE_LIMITS,
  /** Of one fetch. */
  fetchMs: 120_000,
  /** Of one list of refs. */
  lookMs: 30_000,
};

interface Repo {
  readonly name: string;
  readonly dir: string;
  readonly questions: Map<string, Question>;
  source?: Source;
  askedAt: number;
  failing: boolean;
  looking?: Promise<void>;
  again: boolean;
}

/** Unasked for so many polls, a repo is forgotten and its cache deleted. */
const KEEP_POLLS = 2;

/** Starts nothing until something is asked for. */
export function createSources(options: SourcesOptions): Sources {
  const limits = { ...LIMITS, ...options.limits };
  const repos = new Map<string, Repo>();
  const healthy = new PQueue({ concurrency: 4 });
  const failing = new PQueue({ concurrency: 2 });
  const closing = new AbortController();
  let polls = 0;

  const repoOf = (name: string): Repo => {
    const id = createHash('sha1').update(name).digest('hex');
    const fresh = { name, dir: join(options.dir, id), questions: new Map(), failing: false, again: false };
    const repo = repos.get(name) ?? { ...fresh, askedAt: polls };
    repo.askedAt = polls;
    repos.set(name, repo);
    return repo;
  };

  const sourceOf = (repo: Repo) => {
    repo.source ??= createSource(repo, options, limits);
    return repo.source;
  };

  const lookAt = async (repo: Repo): Promise<void> => {
    const { questions } = repo;
    const before = summary(questions);
    const source = () => sourceOf(repo);
    const fine = await look({ questions, source, signal: closing.signal, timeoutMs: limits.lookMs });
    repo.failing = !fine;
    if (!closing.signal.aborted && summary(questions) !== before) options.onChange();
  };

  /** Looks once more; a look that is under way may have missed what made us ask, so another follows it. */
  const request = (repo: Repo): Promise<void> => {
    repo.again = true;
    repo.looking ??= lookWhileAsked(repo);
    return repo.looking;
  };

  const lookWhileAsked = async (repo: Repo): Promise<void> => {
    // All questions of one pass come in one turn of the event loop, and share the look.
    await setImmediate();
    try {
      while ((repo.again || pending(repo)) && !closing.signal.aborted) {
        repo.again = false;
        await (repo.failing ? failing : healthy).add(() => lookAt(repo));
      }
    } finally {
      delete repo.looking;
    }
  };

  const evict = async (): Promise<void> => {
    const oldest = polls - KEEP_POLLS;
    for (const repo of [...repos.values()]) {
      for (const [key, { askedAt }] of repo.questions) if (askedAt < oldest) repo.questions.delete(key);
      if (repo.askedAt >= oldest || repo.looking) continue;
      repos.delete(repo.name);
      await repo.source?.cache.remove();
    }
    if (polls > KEEP_POLLS) await sweep(options, new Set([...repos.values()].map(({ dir }) => dir)));
  };

  return {
    head: (query) => {
      const repo = repoOf(query.repo);
      const key = JSON.stringify([query.ref.branch, query.ref.tag, query.ref.commit, query.path]);
      const question = repo.questions.get(key) ?? { query, head: { state: 'pending' }, askedAt: polls };
      question.askedAt = polls;
      if (!repo.questions.has(key)) {
        repo.questions.set(key, question);
        if (!repo.looking) void request(repo);
      }
      return question.head;
    },
    poll: async (name) => {
      if (name === undefined) {
        polls += 1;
        await evict();
      }
      const wanted = [...repos.values()].filter((repo) => name === undefined || sameRepo(repo.name, name));
      await Promise.all(wanted.filter((repo) => repo.questions.size > 0).map(request));
    },
    inUse: () =>
      [...repos.values()].map(({ name, questions }) => ({
        repo: name,
        refs: [...questions.values()].map(({ query }) => query.ref),
      })),
    saw: (name, oid) =>
      [...repos.values()]
        .filter((repo) => sameRepo(repo.name, name))
        .flatMap(({ questions }) => [...questions.values()])
        .some(({ head, oids }) => head.state === 'known' && oids?.includes(oid)),
    keepOnly: async (names) => {
      for (const repo of [...repos.values()]) {
        if (names.has(repo.name) || repo.looking) continue;
        // What can't be deleted now stays known, and is tried again by the next poll, which tells.
        const gone = repo.source === undefined || (await repo.source.cache.remove().catch(() => false));
        if (gone) repos.delete(repo.name);
      }
    },
    settle: async (signal) => {
      while ([...repos.values()].some(pending) && !closing.signal.aborted) {
        const looks = [...repos.values()].flatMap(({ looking }) => looking ?? []);
        await orAborted(Promise.race(looks.length > 0 ? looks : [setImmediate()]), signal);
      }
    },
    open: async (name, commit, signal) => {
      if (!/^[0-9a-f]{40}$/.test(commit))
        throw new StalledError(`repo ${redact(name)}: a commit has 40 hex digits`);
      const { cache } = sourceOf(repoOf(name));
      await cache.ensure(commit, AbortSignal.any([signal, closing.signal]));
      return createTree(cache.place, commit);
    },
    close: async () => {
      closing.abort();
      await Promise.all([...repos.values()].map(({ looking }) => looking));
    },
  };
}

function createSource(repo: Repo, options: SourcesOptions, limits: typeof LIMITS) {
  const remote = createRemote(repo.name, { ...options, resolve: options.resolve ?? systemResolve });
  const cache = createCache({ dir: repo.dir, remote, step: options.step, limits, timeoutMs: limits.fetchMs });
  return { remote, cache };
}

/** Deletes caches that nobody names, such as those of an earlier run. */
async function sweep({ dir, step }: SourcesOptions, inUse: ReadonlySet<string>): Promise<void> {
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  for (const name of names) {
    const path = join(dir, name);
    if (!/^[0-9a-f]{40}$/.test(name) || inUse.has(path)) continue;
    await step(`git.evict ${name}`, () => rm(path, { recursive: true, force: true }));
  }
}

function pending(repo: Repo): boolean {
  return [...repo.questions.values()].some(({ head }) => head.state === 'pending');
}

/** A webhook may use another spelling than the file. */
function sameRepo(one: string, other: string): boolean {
  return one === other || (repoPlace(one) ?? one) === repoPlace(other);
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
