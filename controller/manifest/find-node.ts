/** Path → place: where in the text a value, or the key of it, stands. */
import { type Alias, isAlias, isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap } from 'yaml';
import type { Path } from './findings.ts';

export type Targets = ReadonlyMap<Alias, Node>;

export interface Found {
  readonly key?: Node;
  readonly value?: Node;
}

/** The deepest node of the path that exists, through aliases; of duplicate keys the last, as `toPlain` has it. */
export function findNode(root: Node | null, path: Path, targets: Targets): Found {
  let found: Found = root ? { value: root } : {};
  for (const part of path) {
    const next = child(found.value, part, targets);
    if (!next) break;
    found = next;
  }
  return found;
}

/** A scalar's own place; a collection is pointed at by its key, which is where a person looks for it. */
export function placeOf(found: Found, want: 'key' | 'value'): number {
  const own = want === 'value' && (isScalar(found.value) || isAlias(found.value) || !found.key);
  const node = own ? found.value : (found.key ?? found.value);
  return node?.range?.[0] ?? 0;
}

function child(node: Node | undefined, part: string | number, targets: Targets): Found | undefined {
  const target = isAlias(node) ? targets.get(node) : node;
  if (isSeq(target)) {
    const item = target.items[Number(part)];
    return item ? { value: item as Node } : undefined;
  }
  if (!isMap(target)) return undefined;
  const pair = indexOf(target).get(String(part));
  if (!pair) return undefined;
  return { key: pair.key as Node, ...(pair.value ? { value: pair.value as Node } : {}) };
}

/** A map of thousands of entries is asked for each of them: scanning it each time would be quadratic. */
const indexes = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>();

function indexOf(map: YAMLMap): ReadonlyMap<string, Pair> {
  const known = indexes.get(map);
  if (known) return known;
  const index = new Map(map.items.map((pair) => [isScalar(pair.key) ? String(pair.key.value) : '', pair]));
  indexes.set(map, index);
  return index;
}
