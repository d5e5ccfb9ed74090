/**
 * One look at one repo: a single `ls-remote`, whoever asks, and a fetch only where a head is new. Whatever goes wrong,
 * the last known head stays.
 */
import { StalledError, TransientError } from '../../core/errors.ts';
import type { SourceHead, SourceQuery } from '../types.ts';
import type { GitCache } from './cache.ts';
import { oidsOf, type RemoteRefs, resolveRef } from './refs.ts';
import { listRefs, type Remote } from './remote.ts';
import { treeOid } from './tree.ts';

export interface Question {
  readonly query: SourceQuery;
  head: SourceHead;
  /** What its ref stood at when it was last looked at. */
  oids?: readonly string[];
  /** The number of polls before someone last asked. */
  askedAt: number;
}

export interface Source {
  readonly remote: Remote;
  readonly cache: GitCache;
}

export interface LookOptions {
  readonly questions: ReadonlyMap<string, Question>;
  /** Throws StalledError when the repo's address is refused. */
  readonly source: () => Source;
  readonly signal: AbortSignal;
  /** Of the list of refs. */
  readonly timeoutMs: number;
}

/** Answers every question that is there by the time the refs are; never throws. True when the network was fine. */
export async function look(options: LookOptions): Promise<boolean> {
  const refs = await refsOf(options);
  let fine = !(refs instanceof TransientError);
  for (const question of [...options.questions.values()]) {
    // It came while no refs were asked for, and waits for the next look.
    if (refs === undefined && question.query.ref.commit === undefined) continue;
    question.head = await answer(options, question, refs);
    question.oids = refs && !(refs instanceof Error) ? oidsOf(question.query.ref, refs) : [];
    if (question.head.state === 'failed' && question.head.error instanceof TransientError) fine = false;
  }
  return fine;
}

/** What was answered so far, to tell whether a look changed anything. */
export function summary(questions: ReadonlyMap<string, Question>): string {
  const heads = [...questions.values()].map(({ head }) => head);
  return JSON.stringify(
    heads.map((head) => (head.state === 'failed' ? [head.error.message, head.last] : head)),
  );
}

/** Undefined when every question names a commit: then nothing needs to be asked of the remote. */
async function refsOf(options: LookOptions): Promise<RemoteRefs | Error | undefined> {
  if ([...options.questions.values()].every(({ query }) => query.ref.commit !== undefined)) return undefined;
  try {
    return await listRefs(options.source().remote, options);
  } catch (error) {
    return asError(error);
  }
}

async function answer(
  { source, signal }: LookOptions,
  { query, head }: Question,
  refs: RemoteRefs | Error | undefined,
): Promise<SourceHead> {
  const last = lastOf(head);
  try {
    if (refs instanceof Error && query.ref.commit === undefined) throw refs;
    const known = refs === undefined || refs instanceof Error ? { oids: new Map<string, string>() } : refs;
    const { remote, cache } = source();
    const commit = resolveRef(remote.shown, query.ref, known);
    if (last?.commit === commit) return { state: 'known', ...last };
    return { state: 'known', commit, tree: await treeAt(cache, commit, query.path, signal) };
  } catch (error) {
    return { state: 'failed', error: asError(error), ...(last && { last }) };
  }
}

/** Reads through a broken cache once: the second `ensure` makes it anew. */
async function treeAt(cache: GitCache, commit: string, path: string, signal: AbortSignal): Promise<string> {
  await cache.ensure(commit, signal);
  try {
    return await treeOid(cache.place, commit, path);
  } catch (error) {
    if (error instanceof StalledError) throw error;
    await cache.ensure(commit, signal);
    return treeOid(cache.place, commit, path);
  }
}

function lastOf(head: SourceHead): { readonly commit: string; readonly tree: string } | undefined {
  if (head.state === 'known') return { commit: head.commit, tree: head.tree };
  return head.state === 'failed' ? head.last : undefined;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error), { cause: error });
}
