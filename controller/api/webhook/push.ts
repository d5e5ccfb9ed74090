/** What a push payload says, as far as it has the shape of one. It is somebody's text, and only ever a hint where to look. */
import { repoPlace } from '../../clients/git/repo-place.ts';
import type { PushHint } from '../../loop/hints.ts';

/** Longer names are nobody's. */
const MAX_NAME = 300;

/** Undefined where it names no repo, no branch or tag, or no commit. */
export function pushHint(payload: unknown): PushHint | undefined {
  const repository = field(payload, 'repository');
  const place = placeOf(repository);
  const ref = text(payload, 'ref');
  const after = text(payload, 'after');
  if (place === undefined || ref === undefined || after === undefined) return undefined;
  if (!/^refs\/(heads|tags)\/[^\x00-\x20\x7f]+$/.test(ref) || !/^[0-9a-f]{40}$/.test(after)) return undefined;
  const defaultBranch = text(repository, 'default_branch');
  return { place, ref, after, ...(defaultBranch !== undefined && { defaultBranch }) };
}

/** The addresses say the host; a sender that gives none leaves its own name for it, `owner/name`. */
function placeOf(repository: unknown): string | undefined {
  for (const name of ['clone_url', 'html_url']) {
    const place = repoPlace(text(repository, name) ?? '');
    if (place !== undefined) return place;
  }
  const fullName = text(repository, 'full_name');
  return fullName !== undefined && /^[\w.-]+(\/[\w.-]+)+$/.test(fullName)
    ? `/${fullName.toLowerCase()}`
    : undefined;
}

function text(of: unknown, name: string): string | undefined {
  const value = field(of, name);
  return typeof value === 'string' && value !== '' && value.length <= MAX_NAME ? value : undefined;
}

/** An own field of a plain object; what is inherited, such as `__proto__`, is none. */
function field(of: unknown, name: string): unknown {
  if (typeof of !== 'object' || of === null || Array.isArray(of) || !Object.hasOwn(of, name))
    return undefined;
  return (of as Readonly<Record<string, unknown>>)[name];
}
