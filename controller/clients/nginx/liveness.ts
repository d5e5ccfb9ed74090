/** How long nginx has been running each site's text: memory of this process only, so a restart counts from zero. */

export interface Liveness {
  /** Nginx was just seen to run exactly these texts, by name. What did not change goes on counting. */
  seen(generation: string, texts: ReadonlyMap<string, string>): void;
  /** Nginx was seen to run this: a generation never heard of, or none, is not what was seen before. */
  heard(generation: string | undefined): void;
  /** 0 when nginx does not run this text. */
  liveForMs(name: string, text: string): number;
}

/** An empty memory; `nowMs` is monotonic. */
export function createLiveness(nowMs: () => number = () => performance.now()): Liveness {
  let current: string | undefined;
  let sites = new Map<string, { readonly text: string; readonly sinceMs: number }>();
  return {
    seen(generation, texts) {
      const now = nowMs();
      const entries = [...texts].map(([name, text]) => {
        const known = sites.get(name);
        return [name, known?.text === text ? known : { text, sinceMs: now }] as const;
      });
      sites = new Map(entries);
      current = generation;
    },
    heard(generation) {
      if (generation === current) return;
      sites = new Map();
      current = undefined;
    },
    liveForMs(name, text) {
      const known = sites.get(name);
      return known?.text === text ? Math.max(nowMs() - known.sinceMs, 0.001) : 0;
    },
  };
}
