/** A remote's refs, as `git ls-remote --symref` prints them, and which commit a branch, tag or commit means. Pure. */
import { StalledError, TransientError } from '../../core/errors.ts';
import type { SourceRef } from '../types.ts';

export interface RemoteRefs {
  /** Full name to object id; `HEAD`, and `refs/tags/x^{}` for what an annotated tag points at, among them. */
  readonly oids: ReadonlyMap<string, string>;
  /** Full name of the default branch, where the server tells. */
  readonly head?: string;
}

/** Lines that are not a ref are left out. */
export function parseRefs(text: string): RemoteRefs {
  const oids = new Map<string, string>();
  let head: string | undefined;
  for (const line of text.split('\n')) {
    const symbolic = /^ref: (\S+)\tHEAD$/.exec(line);
    if (symbolic) head = symbolic[1];
    const [, oid, name] = /^([0-9a-f]{40})\t(.+)$/.exec(line) ?? [];
    if (oid !== undefined && name !== undefined) oids.set(name, oid);
  }
  return head === undefined ? { oids } : { oids, head };
}

/**
 * The commit that a ref of the file means now. Throws StalledError naming a missing one and up to five that exist;
 * TransientError where the remote shows no ref at all, because that is also what a page in its place looks like.
 */
export function resolveRef(repo: string, ref: SourceRef, refs: RemoteRefs): string {
  if (ref.commit !== undefined) return fullCommit(repo, ref.commit);
  if (refs.oids.size === 0) {
    throw new TransientError(`repo ${repo}: shows no branches: push a first commit, or check the address`);
  }
  if (ref.tag !== undefined) return resolveTag(repo, ref.tag, refs);
  if (ref.branch !== undefined) return resolveBranch(repo, ref.branch, refs);
  const oid = refs.oids.get('HEAD') ?? refs.oids.get(refs.head ?? '');
  if (oid !== undefined) return oid;
  throw new StalledError(
    `repo ${repo}: has no default branch, name one as branch${some(refs, 'refs/heads/')}`,
  );
}

/** The objects that a branch or tag stands at; an annotated tag is itself one of them. */
export function oidsOf(ref: SourceRef, { oids, head }: RemoteRefs): readonly string[] {
  return namesOf(ref, head).flatMap((name) => oids.get(name) ?? []);
}

function namesOf({ branch, tag, commit }: SourceRef, head: string | undefined): readonly string[] {
  if (commit !== undefined) return [];
  if (tag !== undefined) return [`refs/tags/${tag}`, `refs/tags/${tag}^{}`];
  if (branch !== undefined) return [`refs/heads/${branch}`];
  return head === undefined ? ['HEAD'] : ['HEAD', head];
}

/** Servers give out an object only by its whole id. Throws StalledError for a shortened one. */
function fullCommit(repo: string, commit: string): string {
  if (/^[0-9a-f]{40}$/.test(commit)) return commit;
  throw new StalledError(`repo ${repo}: commit "${clip(commit)}" must be all 40 hex digits, lower case`);
}

function resolveTag(repo: string, tag: string, refs: RemoteRefs): string {
  const oid = refs.oids.get(`refs/tags/${tag}^{}`) ?? refs.oids.get(`refs/tags/${tag}`);
  if (oid !== undefined) return oid;
  throw new StalledError(`repo ${repo}: has no tag "${clip(tag)}"${some(refs, 'refs/tags/')}`);
}

function resolveBranch(repo: string, branch: string, refs: RemoteRefs): string {
  const oid = refs.oids.get(`refs/heads/${branch}`);
  if (oid !== undefined) return oid;
  throw new StalledError(`repo ${repo}: has no branch "${clip(branch)}"${some(refs, 'refs/heads/')}`);
}

function some(refs: RemoteRefs, prefix: string): string {
  const names = [...refs.oids.keys()].filter((name) => name.startsWith(prefix) && !name.endsWith('^{}'));
  if (names.length === 0) return '';
  const shown = names
    .sort()
    .slice(0, 5)
    .map((name) => clip(name.slice(prefix.length)));
  return `; there is ${shown.join(', ')}${names.length > 5 ? ', …' : ''}`;
}

function clip(name: string): string {
  return name.replace(/[\u0000-\u001f\u007f-\u009f]/g, '').slice(0, 80);
}
