/**
 * The log of one build: JSON lines `{at, level, stream, text}` on disk. The single place where a builder's text is made
 * fit to keep: masked, without terminal control but colours, cut to a bounded length. A log that can't be written
 * (disk full) stops no build; `close` tells.
 */
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createLineMask } from '../clients/engine/mask-lines.ts';
import type { LogLine } from '../clients/engine/types.ts';
import { createMask, type Mask } from '../core/mask.ts';
import type { ImageWant } from '../core/types.ts';

export interface BuildLog {
  line(line: LogLine): void;
  /** Berth's own words. */
  say(text: string, level?: LogLine['level']): void;
  /** The last line that the build itself printed, errors first. */
  lastWords(): string;
  /** Flushes. Resolves with what went wrong with the file, if anything. */
  close(): Promise<Error | undefined>;
}

const LINE_MAX_CHARS = 16_384;
const FILE_MAX_BYTES = 10 * 1024 * 1024;
/** Of one service. */
const KEPT_LOGS = 20;

/** `<dir>/<deployment>/<service>/<build>.log`, where the build is an own image's tag or a foreign image's reference. */
export function buildLogPath(
  dir: string,
  want: Pick<ImageWant, 'key' | 'deployment' | 'service'> & { readonly from: { readonly kind: string } },
): string {
  const build = want.from.kind === 'build' ? want.key.slice(want.key.lastIndexOf(':') + 1) : want.key;
  return join(dir, fileName(want.deployment), fileName(want.service), `${fileName(build)}.log`);
}

/** Starts the file anew, and lets go of the oldest beside it. */
export async function openBuildLog(
  path: string,
  mask: Mask = createMask(),
  maxBytes: number = FILE_MAX_BYTES,
): Promise<BuildLog> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await dropOldest(dirname(path));
  const file = createWriteStream(path, { mode: 0o600 });
  const masked = createLineMask(mask);
  let failure: Error | undefined;
  file.on('error', (error) => {
    failure = error;
  });
  let bytes = 0;
  let lastLine = '';
  let lastError = '';

  function write(line: LogLine): void {
    if (failure !== undefined || bytes > maxBytes) return;
    const text = `${JSON.stringify(line)}\n`;
    bytes += Buffer.byteLength(text);
    const full = bytes > maxBytes;
    file.write(
      full
        ? `${JSON.stringify({ ...berthLine(`the log is cut here: it reached ${maxBytes} bytes`) })}\n`
        : text,
    );
  }

  function line(raw: LogLine): void {
    keep(masked.line(raw));
  }

  function keep(raw: LogLine): void {
    const text = cut(maskClean(cleanText(raw.text), mask));
    if (raw.stream !== 'berth' && text.trim() !== '') {
      lastLine = text.trim();
      if (raw.level === 'error') lastError = text.trim();
    }
    write({ at: raw.at, level: raw.level, stream: raw.stream, text });
  }

  return {
    line,
    say: (text, level = 'info') => line(berthLine(text, level)),
    lastWords: () => withoutColours(lastError || lastLine),
    close: () =>
      new Promise((done) => {
        masked.end().forEach(keep);
        if (file.closed) done(failure);
        else file.end((error?: Error | null) => done(error ?? failure));
      }),
  };
}

/** Logs of builds long past would fill the disk one by one. */
async function dropOldest(dir: string): Promise<void> {
  const names = (await readdir(dir)).filter((name) => name.endsWith('.log'));
  const logs = await Promise.all(
    names.map(async (name) => ({ path: join(dir, name), ms: (await stat(join(dir, name))).mtimeMs })),
  );
  const old = logs.sort((a, b) => b.ms - a.ms).slice(KEPT_LOGS - 1);
  await Promise.all(old.map(({ path }) => rm(path, { force: true })));
}

function berthLine(text: string, level: LogLine['level'] = 'info'): LogLine {
  return { at: new Date().toISOString(), level, stream: 'berth', text };
}

/** One line as a terminal would show it at last: what a carriage return overwrote is dropped. Colours stay. */
export function cleanText(text: string): string {
  const shown =
    text
      .replace(/[\r\n]+$/, '')
      .split('\r')
      .at(-1) ?? '';
  return shown
    .replace(/\x1b\[[0-9;]*m|\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?/g, (code) =>
      code.endsWith('m') && code.startsWith('\x1b[') ? code : '',
    )
    .replace(/[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f]/g, '');
}

/** What stood between the letters of a secret is gone by now, or is colour, which is then given up. */
function maskClean(text: string, mask: Mask): string {
  const shown = mask.text(text);
  const bare = withoutColours(shown);
  const hidden = mask.text(bare);
  return hidden === bare ? shown : hidden;
}

/** The last thing that happens to a line: cut before it is masked, half a secret would stay. */
function cut(text: string): string {
  return text.length <= LINE_MAX_CHARS
    ? text
    : `${text.slice(0, LINE_MAX_CHARS)} … (${text.length} characters)`;
}

/** For sentences, where colours have no place. */
export function withoutColours(text: string): string {
  return text.replace(/\x1b\[[0-9;]*m/g, '');
}

function fileName(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]/g, '_').replace(/^\.+/, '_');
}
