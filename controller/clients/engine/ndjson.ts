/**
 * Lines of JSON from a stream of the engine: builds, pulls and events come so. A character that is cut in two between
 * chunks stays whole, and a line without end is refused instead of collected.
 */
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { TransientError } from '../../core/errors.ts';

/** The longest seen is a BuildKit trace of about 100 kB. */
const MAX_LINE_CHARS = 8 * 2 ** 20;

export async function* readJsonLines(stream: Readable): AsyncGenerator<unknown> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of stream) {
    rest += decoder.write(chunk);
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE_CHARS)
      throw new TransientError('the engine sent a line without end; try again');
    for (const line of lines) if (line.trim() !== '') yield parse(line);
  }
  if (rest.trim() !== '') yield parse(rest);
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new TransientError('the engine sent a line that is not JSON; see its own log', { cause });
  }
}
