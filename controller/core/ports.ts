export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Hands out the lowest port of the range that is not taken, and remembers it; undefined when none is left. */
export function createAllocator(range: PortRange, taken: Iterable<number>): () => number | undefined {
  const used = new Set(taken);
  let next = range.first;
  return () => {
    while (next <= range.last && used.has(next)) next += 1;
    if (next > range.last) return undefined;
    used.add(next);
    return next;
  };
}
