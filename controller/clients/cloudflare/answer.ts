/**
 * Strict reading. The package takes a web page with status 200, `{}` and `success: false` for an empty result without a
 * word, and an empty result would read as "nothing of ours is there". So the answer is taken raw and judged here.
 */
import { NonsenseError } from './errors.ts';

/** The part of the API's envelope that is read. */
export interface Answer {
  readonly result: unknown;
  readonly resultInfo: unknown;
}

/** Statuses whose answers have no body. */
const BODILESS = new Set([204, 205, 304]);

/** Throws NonsenseError for anything but a JSON envelope that says `success: true`. */
export async function readAnswer(response: Response): Promise<Answer> {
  const type = response.headers.get('content-type') ?? 'nothing';
  if (!/^application\/json\b/i.test(type)) throw new NonsenseError(`it is ${type.slice(0, 60)}, not JSON`);
  const body = parse(await response.text());
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new NonsenseError('no JSON object');
  const { success, result, result_info: resultInfo } = body as Record<string, unknown>;
  if (success !== true) throw new NonsenseError('it has no success: true');
  if (result === undefined) throw new NonsenseError('it has no result');
  return { result, resultInfo };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new NonsenseError('the JSON is broken');
  }
}

/**
 * A `fetch` that reads at most so many bytes of an answer before it is handed on, errors' texts included, and follows no
 * redirect: the token goes to the API's own address only.
 */
export function limitedFetch(maxBytes: number): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, { ...init, redirect: 'manual' });
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body ?? []) {
      size += chunk.byteLength;
      if (size > maxBytes) throw new NonsenseError(`it is over ${maxBytes} bytes long`);
      chunks.push(chunk);
    }
    const body = BODILESS.has(response.status) ? null : Buffer.concat(chunks);
    return new Response(body, { status: response.status, headers: response.headers });
  };
}
