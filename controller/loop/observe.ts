import { messageOf } from '../core/errors.ts';
import type { Kind, Observed, Resource, Seen } from '../core/types.ts';

/** Asks every kind what exists, side by side. A kind that can't say is uncertain, which is not the same as empty. */
export async function observe(kinds: readonly Kind[], signal: AbortSignal): Promise<Observed> {
  const seen = await Promise.all(
    kinds.map(async (kind): Promise<readonly [string, Seen<Resource>]> => {
      try {
        return [kind.name, await kind.observe(signal)];
      } catch (error) {
        return [kind.name, { uncertain: messageOf(error) }];
      }
    }),
  );
  return Object.fromEntries(seen) as unknown as Observed;
}

/** Why some kind could not be observed, one sentence each. */
export function doubts(observed: Observed): readonly string[] {
  return Object.entries(observed).flatMap(([kind, seen]) =>
    'uncertain' in seen ? [`${kind}s could not be read: ${seen.uncertain}`] : [],
  );
}

/** Every resource that was seen, with its kind. */
export function everything(observed: Observed): readonly (Resource & { readonly kind: string })[] {
  return Object.entries(observed).flatMap(([kind, seen]) =>
    'uncertain' in seen ? [] : seen.map((have) => ({ ...have, kind })),
  );
}
