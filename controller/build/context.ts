/**
 * The build context: `git archive` → ignore rules → what Berth adds → engine, as one stream. No file of the repo ever
 * lies on this machine's disk and no link is followed: links go on as links, names that climb out are refused.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import tar from 'tar-stream';
import type { SourceTree } from '../clients/types.ts';
import { StalledError } from '../core/errors.ts';
import { ignoreRules } from './ignore.ts';
import type { Layout } from './layout.ts';

export interface ContextLimits {
  readonly bytes: number;
  readonly files: number;
  /** For the whole stream, the engine's reading of it included. */
  readonly timeMs: number;
}

/** A repo past these is not an app but a mistake (RELIABILITY B74). */
export const CONTEXT_LIMITS: ContextLimits = { bytes: 500_000_000, files: 200_000, timeMs: 10 * 60_000 };

export interface ContextOptions {
  readonly tree: SourceTree;
  readonly path: string;
  readonly layout: Layout;
  readonly signal: AbortSignal;
  readonly limits?: ContextLimits;
}

/** What `pack.entry` takes. */
type EntryHeader = Parameters<tar.Pack['entry']>[0];

/** The same for all files, so that layers are found in the engine's cache. */
const NO_TIME = new Date(0);

/** A tar. It is destroyed with a StalledError when the source breaks a limit or holds a name it may not. */
export function buildContext(options: ContextOptions): Readable {
  const limits = options.limits ?? CONTEXT_LIMITS;
  const closed = new AbortController();
  const signal = AbortSignal.any([options.signal, closed.signal]);
  const pack = tar.pack();
  const context = Readable.from(pack, { objectMode: false });
  context.once('close', () => closed.abort());
  const timer = setTimeout(
    () =>
      context.destroy(
        new StalledError(`the build context took longer than ${limits.timeMs / 1000} s to read`),
      ),
    limits.timeMs,
  );
  fill(pack, { ...options, limits, signal })
    .then(() => pack.finalize())
    .catch((error: Error) => context.destroy(options.signal.aborted ? abortError(options.signal) : error))
    .finally(() => clearTimeout(timer));
  return context;
}

async function fill(pack: tar.Pack, options: ContextOptions & { limits: ContextLimits }): Promise<void> {
  const { tree, path, layout, signal, limits } = options;
  const ignored = await ignoreRules(tree, path, layout);
  const extract = tar.extract();
  const source = pipeline(tree.archive(path, signal), extract, { signal });
  source.catch(() => undefined); // The loop below meets the same error, and sooner.
  let files = 0;
  let bytes = 0;
  for await (const entry of extract) {
    const header = checkedHeader(entry.header);
    if (header === undefined || ignored(header.name)) {
      entry.resume();
      continue;
    }
    files += 1;
    bytes += header.size ?? 0;
    if (files > limits.files) throw tooBig(`${limits.files} files`);
    if (bytes > limits.bytes) throw tooBig(`${Math.round(limits.bytes / 1e6)} MB`);
    await pipeline(entry, pack.entry({ ...header, name: layout.prefix + header.name }), { signal });
  }
  await source;
  for (const { name, content } of layout.files) {
    await pipeline(
      Readable.from([content]),
      pack.entry({ name, size: content.length, mode: 0o644, mtime: NO_TIME }),
    );
  }
}

/** The entry as the engine gets it; undefined for the root itself. Throws StalledError for what Git should not hold. */
function checkedHeader(header: tar.Header): EntryHeader | undefined {
  const name = header.name.replace(/^\.\//, '').replace(/\/+$/, '');
  if (name === '' || name === '.') return undefined;
  const parts = name.split('/');
  const bad = parts.some(
    (part) => part === '' || part === '.' || part === '..' || part.toLowerCase() === '.git',
  );
  if (bad || name.startsWith('/') || /[\0\uFFFD]/.test(name)) {
    throw new StalledError(`${JSON.stringify(name)} can't go into a build: rename it in the repo`);
  }
  const common = { name, mtime: NO_TIME };
  if (header.type === 'directory') return { ...common, type: 'directory', mode: 0o755, size: 0 };
  if (header.type === 'symlink') {
    return { ...common, type: 'symlink', linkname: header.linkname ?? '', mode: 0o777, size: 0 };
  }
  if (header.type !== 'file')
    throw new StalledError(`${name} is a ${header.type}: only files, directories and links can be built`);
  const executable = ((header.mode ?? 0) & 0o100) !== 0;
  return { ...common, type: 'file', mode: executable ? 0o755 : 0o644, size: header.size ?? 0 };
}

function tooBig(limit: string): StalledError {
  return new StalledError(`the build context is larger than ${limit}: leave files out with a .dockerignore`);
}

function abortError(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('the build was cancelled');
}
