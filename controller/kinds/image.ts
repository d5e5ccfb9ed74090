/** Images: built or pulled in the background, kept for a few rollbacks, never built twice for one key. */
import type { Builder } from '../build/types.ts';
import type { Engine } from '../clients/engine/types.ts';
import { removal } from '../core/diff.ts';
import type { Action, ImageHave, ImageWant, Kind, Observed, Wanted } from '../core/types.ts';
import { applyEach, seenOf } from './each.ts';

export interface ImageClients {
  readonly engine: Pick<Engine, 'images' | 'removeImage'>;
  readonly builder: Pick<Builder, 'rows' | 'start' | 'drop'>;
}

/** The kind `image`. Images that are not ours are seen too, under no deployment, because an entry may name one. */
export function imageKind({ engine, builder }: ImageClients): Kind<ImageHave, ImageWant> {
  return {
    name: 'image',
    async observe() {
      // In this order: what is done in between is seen twice, rather than not at all.
      const rows = builder.rows();
      const ready = await engine.images();
      const there = new Set(ready.map(({ key }) => key));
      const underWay = rows.filter(({ key }) => !there.has(key));
      return [
        ...ready.map((row) => ({ ...row, state: 'ready' as const })),
        ...underWay.map((row) => ({ ...row, createdMs: 0 })),
      ];
    },
    diff,
    apply: (actions, signal) =>
      applyEach(actions, { width: 4, signal }, async ({ verb, key, want }) => {
        if (verb !== 'delete' && want) {
          builder.start(want);
          return 'queued';
        }
        await builder.drop(key);
        await engine.removeImage(key);
        return undefined;
      }),
  };
}

function diff(wanted: Wanted, observed: Observed): readonly Action<ImageWant>[] {
  const haves = new Map(seenOf(observed.image).map((have) => [have.key, have]));
  const wants = new Map(wanted.images.map((want) => [want.key, want]));
  const makes = [...wants.values()].flatMap((want): readonly Action<ImageWant>[] => {
    const state = haves.get(want.key)?.state;
    if (state === 'ready' || state === 'failed') return [];
    const commit = want.from.kind === 'build' ? `commit ${want.from.commit.slice(0, 7)}` : 'has to be pulled';
    const wait = state && { why: state === 'queued' ? 'is queued' : 'is under way' };
    const base = { verb: 'create' as const, kind: 'image', key: want.key, deployment: want.deployment, want };
    return [{ ...base, why: commit, ...(wait && { wait }) }];
  });
  const ours = [...haves.values()].filter(({ key, deployment }) => deployment !== '' && !wants.has(key));
  return [...makes, ...ours.flatMap((have) => removal('image', have, wanted))];
}
