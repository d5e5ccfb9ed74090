import type { Action, Resource, Wanted } from './types.ts';

export interface DiffOptions<Have extends Resource, Want extends Resource> {
  readonly kind: string;
  readonly wanted: Wanted;
  readonly wants: readonly Want[];
  readonly haves: readonly Have[];
  /** The sentence of a create. */
  readonly because: (want: Want) => string;
  /** Why what is there is not what is wanted; undefined when it is. */
  readonly differs?: (want: Want, have: Have) => string | undefined;
}

/** The plain difference of one kind by key: what is missing is made, what differs is mended, what is left over goes. */
export function diffByKey<Have extends Resource, Want extends Resource>(
  options: DiffOptions<Have, Want>,
): readonly Action<Want>[] {
  const { kind, wanted, wants, haves, because, differs } = options;
  const haveByKey = new Map(haves.map((have) => [have.key, have]));
  const wantedKeys = new Set(wants.map((want) => want.key));
  const actions: Action<Want>[] = [];
  for (const want of wants) {
    const have = haveByKey.get(want.key);
    const base = { kind, key: want.key, deployment: want.deployment, want };
    const difference = have && differs?.(want, have);
    if (!have) actions.push({ ...base, verb: 'create', why: because(want) });
    else if (difference) actions.push({ ...base, verb: 'update', why: difference });
  }
  for (const have of haves) {
    if (!wantedKeys.has(have.key)) actions.push(...removal(kind, have, wanted));
  }
  return actions;
}

/** The delete of something left over, unless it is kept. */
export function removal(kind: string, have: Resource, wanted: Wanted): readonly Action<never>[] {
  const id = `${kind}/${have.key}`;
  if (wanted.kept.has(id)) return [];
  const leaving = wanted.leaving.get(id);
  const gone = !wanted.present.has(have.deployment);
  return [
    {
      verb: 'delete',
      kind,
      key: have.key,
      deployment: have.deployment,
      why: leaving?.why ?? (gone ? 'its deployment left the file' : 'no longer wanted'),
      ...(leaving?.wait && { wait: leaving.wait }),
    },
  ];
}
