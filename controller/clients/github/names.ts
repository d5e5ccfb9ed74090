/** A repo's name, as calls and as people want it. */
import type { RepoName } from './types.ts';

/** As parameters of a call. */
export function at({ owner, name }: RepoName): { readonly owner: string; readonly repo: string } {
  return { owner, repo: name };
}

/** `owner/name` */
export function shown({ owner, name }: RepoName): string {
  return `${owner}/${name}`;
}
