/**
 * One line per event, for a person: `07:41:02 instance blog-web-3f9a1c02 created: new service`.
 * A message can't forge a second line, and no registered secret gets through, in whatever field it stands.
 */
import { pino } from 'pino';
import { StalledError, TransientError } from './core/errors.ts';
import { createMask, type Mask } from './core/mask.ts';

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Shown as `name=value` after the message; an `error` that is a bug brings its stack on indented lines. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface RedactingLog extends Log {
  /** From now on this value is `[redacted]` in every line, in all the forms that the mask knows. */
  redact(secret: string): void;
  /** The process's one mask: for what reaches a file, a status or an answer by another way. */
  readonly mask: Mask;
}

type Level = 'debug' | 'info' | 'warn' | 'error';

export type LogForm = 'plain' | 'json';

/** Writes to `write` (stdout by default) what is at least at `level`, as lines for a person or as JSON for a program. */
export function createLog(
  level: Level,
  write: (line: string) => void = (line) => process.stdout.write(line),
  form: LogForm = 'plain',
): RedactingLog {
  const format = form === 'json' ? asJson : plain;
  const mask = createMask();
  const logger = pino(
    { level, base: null, timestamp: () => `,"time":${Date.now()}` },
    // Once more: what was masked field by field may spell a secret where two of them meet.
    { write: (json: string) => write(`${mask.text(format(json))}\n`) },
  );
  const at =
    (name: Level) =>
    (message: string, fields: LogFields = {}) =>
      logger[name]({ fields: flat(fields, mask) }, mask.text(message));
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    redact: mask.add,
    mask,
  };
}

interface Event {
  readonly level: number;
  readonly time: number;
  readonly msg?: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** pino's numbers. */
const LEVELS: Readonly<Record<number, Level>> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error' };

/** Those that deserve a word in a line for a person. */
const WORDS: Readonly<Record<number, string>> = { 20: 'debug: ', 40: 'warning: ', 50: 'error: ' };

function plain(json: string): string {
  const event: Event = JSON.parse(json);
  const { stack, ...fields } = event.fields;
  const time = new Date(event.time).toTimeString().slice(0, 8);
  const tail = Object.entries(fields).map(([name, value]) => ` ${name}=${oneLine(value)}`);
  const below = (stack ?? '').split('\n').filter((line) => line.trim() !== '');
  const head = `${time} ${WORDS[event.level] ?? ''}${oneLine(event.msg ?? '')}${tail.join('')}`;
  return [head, ...below.map((line) => `    ${oneLine(line.trim())}`)].join('\n');
}

function asJson(json: string): string {
  const { level, time, msg, fields }: Event = JSON.parse(json);
  const word = LEVELS[level] ?? 'info';
  return JSON.stringify({ at: new Date(time).toISOString(), level: word, message: msg ?? '', ...fields });
}

/** Masked before anything is escaped: an escaped secret would not be found. */
function flat(fields: LogFields, mask: Mask): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    texts[name] = mask.text(
      value instanceof Error ? value.message : typeof value === 'string' ? value : show(value),
    );
    const expected = value instanceof TransientError || value instanceof StalledError;
    if (value instanceof Error && !expected && value.stack !== undefined)
      texts.stack = mask.text(value.stack);
  }
  return texts;
}

function show(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

// Control characters, and the bidi and line separators that make a terminal show something else than is there.
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

function oneLine(text: string): string {
  return text.replace(UNPRINTABLE, (char) => JSON.stringify(char).slice(1, -1).replace(/^(.)$/, hex));
}

function hex(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
