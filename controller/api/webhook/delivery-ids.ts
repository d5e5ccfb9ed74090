/** Remembers the newest ids, so that a delivery that comes again does nothing. */
export interface DeliveryIds {
  /** False when it is known already. */
  add(id: string): boolean;
}

/** Keeps `most` ids in memory; the oldest is forgotten first. */
export function createDeliveryIds(most: number): DeliveryIds {
  const ids = new Set<string>();
  return {
    add(id) {
      if (ids.has(id)) return false;
      ids.add(id);
      const [oldest] = ids;
      if (ids.size > most && oldest !== undefined) ids.delete(oldest);
      return true;
    },
  };
}
