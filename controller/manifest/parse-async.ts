/**
 * `parseManifest` for the loop: once per blob, and off the main thread where the file is large (97 KiB take half a
 * second, in which nothing else would be answered).
 */
import { Worker } from 'node:worker_threads';
import { TransientError } from '../core/errors.ts';
import { type ParseResult, parseManifest } from './parse.ts';
import type { ManifestRules } from './types.ts';

/** `blob` is Git's id of the bytes. Rejects with TransientError when no worker can be started. */
export type ManifestReader = (blob: string, bytes: Uint8Array, rules: ManifestRules) => Promise<ParseResult>;

const INLINE_BYTES = 32 * 1024;
/** The file in force, one that is being planned, and a few to go back to. */
const KEPT_RESULTS = 8;
const MAX_WORKER_MB = 512;

/** `timeoutMs`: a file that takes longer (5 s unless told) is wrong as a whole. */
export function createManifestReader(options: { readonly timeoutMs?: number } = {}): ManifestReader {
  const results = new Map<string, Promise<ParseResult>>();
  return (blob, bytes, rules) => {
    const key = JSON.stringify([blob, rules]);
    const known = results.get(key);
    if (known) return known;
    const result = read(bytes, rules, options.timeoutMs ?? 5000);
    results.set(key, result);
    // A worker that could not start says nothing about the file: ask again next time.
    result.catch(() => results.delete(key));
    for (const oldest of results.keys()) {
      if (results.size <= KEPT_RESULTS) break;
      results.delete(oldest);
    }
    return result;
  };
}

async function read(bytes: Uint8Array, rules: ManifestRules, timeoutMs: number): Promise<ParseResult> {
  if (bytes.byteLength <= INLINE_BYTES) return parseManifest(bytes, rules);
  return inWorker(bytes, rules, timeoutMs);
}

function inWorker(bytes: Uint8Array, rules: ManifestRules, timeoutMs: number): Promise<ParseResult> {
  const failed = (what: string, cause?: unknown) =>
    new TransientError(`the worker that reads ${rules.file} ${what}; it is tried again`, { cause });
  const tooMuch = (what: string): ParseResult => ({
    problems: [
      { deployment: '', message: `${rules.file}:1:1: takes more than ${what} to read; make it smaller` },
    ],
  });
  return new Promise((resolve, reject) => {
    const resourceLimits = { maxOldGenerationSizeMb: MAX_WORKER_MB };
    const worker = new Worker(workerFile(), { workerData: { bytes, rules }, resourceLimits });
    const timer = setTimeout(() => {
      resolve(tooMuch(`${timeoutMs / 1000} s`));
      void worker.terminate();
    }, timeoutMs);
    worker.once('message', resolve);
    worker.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') resolve(tooMuch(`${MAX_WORKER_MB} MB of memory`));
      else reject(failed('failed', error));
    });
    worker.once('exit', (code) => {
      clearTimeout(timer);
      reject(failed(`ended early with code ${code}`));
    });
  });
}

/** Node 20 can't load TypeScript in a worker, so tests use what `npm run build` compiled. */
function workerFile(): URL {
  const inSource = import.meta.url.endsWith('.ts');
  return new URL(inSource ? '../../dist/manifest/parse-worker.js' : './parse-worker.js', import.meta.url);
}
