/**
 * The raw bytes of a body from somebody who may be anybody: no more than a limit, read within a time, and no more in
 * memory than there is room for. They are copied into blocks as they come, since a million chunks of one byte weigh far
 * more than a megabyte.
 */
import type { IncomingMessage } from 'node:http';

export interface BodyLimits {
  readonly maxBytes: number;
  /** From the first byte awaited to the last. */
  readonly timeoutMs: number;
  /** Shared by all bodies under way. */
  readonly room: Room;
}

/** Bytes that may be held at one time. */
export interface Room {
  /** False, and nothing is taken, when there are not so many left. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

/** `gone`: the client left. */
export type Body = Buffer | 'too-large' | 'too-slow' | 'no-room' | 'gone';

const BLOCK_BYTES = 64 * 1024;

/** Room for so many bytes. */
export function createRoom(bytes: number): Room {
  let left = bytes;
  return {
    take(wanted) {
      if (wanted > left) return false;
      left -= wanted;
      return true;
    },
    give(back) {
      left += back;
    },
  };
}

/** Reads the body and gives it to `use`; what it took of the room is given back after that. */
export async function withBody<T>(
  request: IncomingMessage,
  limits: BodyLimits,
  use: (body: Body) => Promise<T>,
): Promise<T> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > limits.maxBytes) return use('too-large');
  const store = createStore(limits);
  try {
    return await use(await read(request, store, limits.timeoutMs));
  } finally {
    store.free();
  }
}

function read(request: IncomingMessage, store: Store, timeoutMs: number): Promise<Body> {
  return new Promise((resolve) => {
    const end = (body: Body): void => {
      clearTimeout(timer);
      request.off('data', add).off('end', all).off('error', gone).off('close', gone);
      resolve(body);
    };
    const add = (chunk: Buffer): void => {
      const fault = store.add(chunk);
      if (fault) end(fault);
    };
    const all = (): void => end(store.bytes());
    const gone = (): void => end('gone');
    const timer = setTimeout(() => end('too-slow'), timeoutMs);
    request.on('data', add).on('end', all).on('error', gone).on('close', gone);
  });
}

interface Store {
  /** Why it can't be added. */
  add(chunk: Buffer): 'too-large' | 'no-room' | undefined;
  bytes(): Buffer;
  free(): void;
}

/** Takes room block by block, so a declared length that never comes costs nothing. */
function createStore({ maxBytes, room }: BodyLimits): Store {
  const blocks: Buffer[] = [];
  let block = Buffer.alloc(0);
  let length = 0;
  const add: Store['add'] = (chunk) => {
    if (length + chunk.length > maxBytes) return 'too-large';
    for (let from = 0; from < chunk.length; ) {
      const at = length % BLOCK_BYTES;
      if (at === 0) {
        if (!room.take(BLOCK_BYTES)) return 'no-room';
        block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
        blocks.push(block);
      }
      const copied = chunk.copy(block, at, from);
      from += copied;
      length += copied;
    }
    return undefined;
  };
  return {
    add,
    bytes: () => Buffer.concat(blocks, length),
    free: () => room.give(blocks.splice(0).length * BLOCK_BYTES),
  };
}
