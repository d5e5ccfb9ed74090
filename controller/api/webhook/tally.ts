/** Counts what anybody on the internet can cause at will, and tells of it at most once in a while. */
export interface Tally {
  count(): void;
}

/** The first is told at once; those that follow within `everyMs`, together at its end. */
export function createTally(everyMs: number, tell: (count: number) => void): Tally {
  let counted = 0;
  let resting = false;
  const rest = (): void => {
    tell(counted);
    counted = 0;
    resting = true;
    setTimeout(() => {
      resting = false;
      if (counted > 0) rest();
    }, everyMs).unref();
  };
  return {
    count() {
      counted += 1;
      if (!resting) rest();
    },
  };
}
