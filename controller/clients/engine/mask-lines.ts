import type { Mask, MaskStream } from '../../core/mask.ts';
import type { LogLine } from './types.ts';

/** Masks lines one after the other, also where one long line comes in several. */
export interface LineMask {
  line(line: LogLine): LogLine;
  /** What was held back of a last line that nothing followed. */
  end(): readonly LogLine[];
}

/**
 * The engine's log driver cuts lines at 16 kB, and so do we. A line of that length goes on in the next one of its stream,
 * so its end is held back, and told with that one, while it may be the beginning of a secret.
 */
const CUT_BYTES = 16 * 1024;

/** For one log, from its beginning to its end. */
export function createLineMask(mask: Mask): LineMask {
  const streams = new Map<LogLine['stream'], { readonly text: MaskStream; last: LogLine }>();
  return {
    line(line) {
      const stream = streams.get(line.stream) ?? { text: mask.stream(), last: line };
      streams.set(line.stream, stream);
      stream.last = line;
      const shown = stream.text.push(line.text);
      const goesOn = Buffer.byteLength(line.text) >= CUT_BYTES;
      return { ...line, text: goesOn ? shown : shown + stream.text.end() };
    },
    end: () =>
      [...streams.values()].flatMap(({ text, last }) => {
        const held = text.end();
        return held === '' ? [] : [{ ...last, text: held }];
      }),
  };
}
