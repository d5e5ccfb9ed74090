/**
 * Output of a container. The engine sends frames: one byte of stream, three of nothing, four of length, then a time stamp,
 * a blank and one message. Its json-file driver cuts a message at 16 kB, so a line here is never longer.
 */
import type { Readable } from 'node:stream';
import { TransientError } from '../../core/errors.ts';
import { askMaybe, type Connection } from './docker-connection.ts';
import { findContainer } from './docker-containers.ts';
import { engineError, statusOf } from './docker-errors.ts';
import { LABEL } from './labels.ts';
import type { Engine, LogLine } from './types.ts';

const MAX_FRAME_BYTES = 2 ** 20;
const MAX_LINE_CHARS = 16 * 1024;

/** Lines that an instance wrote, with the frames of the engine taken apart. */
export function dockerLogs(connection: Connection): Pick<Engine, 'tail' | 'follow'> {
  const options = { stdout: true, stderr: true, timestamps: true } as const;

  async function idOf(key: string): Promise<string | undefined> {
    const found = await findContainer(connection, key);
    return found?.Config.Labels?.[LABEL.owner] === connection.owner ? found.Id : undefined;
  }

  return {
    async tail(key, lines) {
      const id = await idOf(key);
      if (id === undefined) return [];
      const container = connection.calls.getContainer(id);
      const frames = await askMaybe(connection, `reading the log of ${key}`, () =>
        container.logs({ ...options, follow: false, tail: lines }),
      );
      return frames ? splitFrames(frames).lines.slice(-lines) : [];
    },

    async *follow(key, { tail, signal }) {
      const id = await idOf(key);
      if (id === undefined || signal.aborted) return;
      const container = connection.streams.getContainer(id);
      try {
        const stream = await container.logs({ ...options, follow: true, tail, abortSignal: signal });
        yield* readFrames(stream as Readable);
      } catch (error) {
        if (signal.aborted || statusOf(error) === 404) return;
        throw engineError(error, `following the log of ${key}`, connection.host);
      }
    },
  };
}

async function* readFrames(stream: Readable): AsyncGenerator<LogLine> {
  let buffer: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    const { lines, rest } = splitFrames(Buffer.concat([buffer, chunk]));
    buffer = rest;
    yield* lines;
  }
}

/** Whole frames as lines, and the bytes of one that is not complete yet. TransientError for a length that can't be. */
export function splitFrames(buffer: Buffer): { lines: LogLine[]; rest: Buffer } {
  const lines: LogLine[] = [];
  let at = 0;
  while (buffer.length - at >= 8) {
    const length = buffer.readUInt32BE(at + 4);
    if (length > MAX_FRAME_BYTES) {
      throw new TransientError(
        `the engine sent a log frame of ${length} bytes; look at the log with docker logs`,
      );
    }
    if (buffer.length - at - 8 < length) break;
    const stderr = buffer[at] === 2;
    lines.push(...messageLines(buffer.toString('utf8', at + 8, at + 8 + length), stderr));
    at += 8 + length;
  }
  return { lines, rest: buffer.subarray(at) };
}

function messageLines(message: string, stderr: boolean): LogLine[] {
  const blank = message.indexOf(' ');
  const time = Date.parse(message.slice(0, blank));
  const stamped = blank > 0 && !Number.isNaN(time);
  const at = new Date(stamped ? time : 0).toISOString();
  const text = (stamped ? message.slice(blank + 1) : message).replace(/\r?\n$/, '');
  const level = stderr ? 'error' : 'info';
  const stream = stderr ? 'stderr' : 'stdout';
  return cutLines(text).map((line) => ({ at, level, stream, text: line }));
}

/** Pure: lines of at most 16 k characters; an empty text is one empty line. */
export function cutLines(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const parts = [line.slice(0, MAX_LINE_CHARS)];
    for (let at = MAX_LINE_CHARS; at < line.length; at += MAX_LINE_CHARS) {
      parts.push(line.slice(at, at + MAX_LINE_CHARS));
    }
    return parts;
  });
}
