/** What a builder says while it works, as log lines: plain JSON from the classic one, protobuf traces from BuildKit. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import protobuf from 'protobufjs';
import { cutLines } from './docker-logs.ts';
import { readJsonLines } from './ndjson.ts';
import type { LogLine } from './types.ts';

export interface BuildEnd {
  readonly imageId?: string;
  readonly error?: string;
  /** The last lines that were printed before it failed. */
  readonly lastWords: readonly string[];
}

const LAST_WORDS = 3;

/** Reads the answer of `POST /build` to its end; `onLine` gets every line. Never throws for a failed build. */
export async function readBuild(stream: Readable, onLine: (line: LogLine) => void): Promise<BuildEnd> {
  let imageId: string | undefined;
  let error: string | undefined;
  let lastWords: string[] = [];
  const say = (text: string, from: LogLine['stream'] = 'stdout', level: LogLine['level'] = 'info') => {
    for (const line of cutLines(text)) {
      onLine({ at: new Date().toISOString(), level, stream: from, text: line });
      if (from !== 'berth' && line.trim() !== '') lastWords = [...lastWords, line.trim()].slice(-LAST_WORDS);
    }
  };
  const output = lineSplitter(say);
  const steps = stepAnnouncer((text) => say(text, 'berth'));
  for await (const raw of readJsonLines(stream)) {
    const line = raw as BuildLine;
    const trace = line.id === 'moby.buildkit.trace' ? decodeTrace(String(line.aux)) : undefined;
    for (const vertex of trace?.vertexes ?? []) steps(vertex);
    for (const log of trace?.logs ?? []) {
      output(
        `${log.vertex} ${log.stream}`,
        log.msg.toString('utf8'),
        Number(log.stream) === 2 ? 'stderr' : 'stdout',
      );
    }
    if (typeof line.stream === 'string') {
      const stderr = line.stream.includes('\u001b[91m');
      output(stderr ? 'stderr' : 'stdout', line.stream, stderr ? 'stderr' : 'stdout');
    }
    if (typeof line.status === 'string' && !line.progressDetail?.total) say(line.status, 'berth');
    if (typeof line.aux === 'object' && line.aux?.ID) imageId = line.aux.ID;
    if (typeof line.error === 'string') error = line.error;
  }
  output.end();
  if (error !== undefined)
    onLine({ at: new Date().toISOString(), level: 'error', stream: 'berth', text: error });
  return { ...(imageId !== undefined && { imageId }), ...(error !== undefined && { error }), lastWords };
}

interface BuildLine {
  readonly id?: unknown;
  readonly aux?: string | { readonly ID?: string };
  readonly stream?: unknown;
  readonly status?: unknown;
  readonly progressDetail?: { readonly total?: number };
  readonly error?: unknown;
}

interface Vertex {
  readonly digest: string;
  readonly name: string;
  readonly started?: unknown;
  readonly cached?: boolean;
}

interface Trace {
  readonly vertexes?: readonly Vertex[];
  readonly logs?: readonly { readonly vertex: string; readonly stream: number; readonly msg: Buffer }[];
}

let status: protobuf.Type | undefined;

/** Pure. dockerode's own decoder gives the output of the steps as base64. */
function decodeTrace(aux: string): Trace {
  status ??= protobuf
    .loadSync(join(dirname(createRequire(import.meta.url).resolve('dockerode/package.json')), PROTO))
    .lookupType('moby.buildkit.v1.StatusResponse');
  return status.toObject(status.decode(Buffer.from(aux, 'base64')), {
    longs: Number,
    bytes: Buffer,
  }) as Trace;
}

const PROTO = 'lib/proto/buildkit_status.proto';

/** A step is reported many times; it is told once, when it starts, or when it turns out to be cached. */
function stepAnnouncer(say: (text: string) => void): (vertex: Vertex) => void {
  const told = new Set<string>();
  return ({ digest, name, started, cached }) => {
    if (!name || told.has(digest) || !(started || cached)) return;
    told.add(digest);
    say(cached ? `${name} (cached)` : name);
  };
}

/** Puts lines together that come in pieces, each source's for itself; colours are taken out. */
function lineSplitter(say: (text: string, from: 'stdout' | 'stderr') => void) {
  const rests = new Map<string, { text: string; from: 'stdout' | 'stderr' }>();
  const push = (source: string, text: string, from: 'stdout' | 'stderr'): void => {
    const lines = ((rests.get(source)?.text ?? '') + text.replace(/\u001b\[[0-9;]*m/g, '')).split(/\r?\n/);
    const rest = lines.pop() ?? '';
    // Whole lines of full length, so that whoever masks them sees that each goes on in the next.
    const full = rest.length - (rest.length % MAX_REST_CHARS);
    if (full > 0) lines.push(rest.slice(0, full));
    rests.set(source, { text: rest.slice(full), from });
    for (const line of lines) say(line, from);
  };
  push.end = (): void => {
    for (const { text, from } of rests.values()) if (text !== '') say(text, from);
    rests.clear();
  };
  return push;
}

const MAX_REST_CHARS = 64 * 1024;
