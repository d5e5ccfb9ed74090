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

/** Why some kinds could not be observed, one sentence for each reason. */
export function doubts(observed: Observed): readonly string[] {
  const unseen = new Map<string, string[]>();
  for (const [kind, seen] of Object.entries(observed)) {
    if (!('uncertain' in seen)) continue;
    unseen.set(seen.uncertain, [...(unseen.get(seen.uncertain) ?? []), kind.replace(/s?$/, 's')]);
  }
  return [...unseen].map(([reason, kinds]) => `${kinds.join(', ')} could not be read: ${reason}`);
}

/** Every resource that was seen, with its kind. */
export function everything(observed: Observed): readonly (Resource & { readonly kind: string })[] {
  return Object.entries(observed).flatMap(([kind, seen]) =>
    'uncertain' in seen ? [] : seen.map((have) => ({ ...have, kind })),
  );
}
