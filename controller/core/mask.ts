/**
 * Secrets out of text: the one place that every log line, last word and builder's sentence passes on its way to where it is
 * kept or shown. A secret under six characters is not looked for, and one that was ever added is hidden until the process ends.
 * Its time does not grow with the number of secrets: a form is looked at only where its first four characters stand.
 */
import { formsOf, MIN_SECRET_CHARACTERS } from './mask-forms.ts';
import { REDACTED } from './secret.ts';

export interface Mask {
  /** From now on this value is `[redacted]`, also as base64, hex, in a URL or in JSON, and line by line. */
  add(secret: string): void;
  /** Also a beginning of a secret that was cut off before a `…`. */
  text(text: string): string;
  /** For a text that comes in pieces: a secret that is split over them is hidden as well. */
  stream(): MaskStream;
}

export interface MaskStream {
  /** All that can be shown by now; what may be the beginning of a secret is held back. */
  push(piece: string): string;
  /** What was held back, since nothing follows. The stream is as new then. */
  end(): string;
}

type Range = readonly [from: number, to: number];

/** Forms by their first characters, and the shorter beginnings of all. */
interface Index {
  readonly secrets: Set<string>;
  readonly forms: Map<number, string[]>;
  readonly starts: Set<string>;
  longest: number;
}

const KEY_CHARACTERS = 4;

/** Knows no secret at first. */
export function createMask(): Mask {
  const index: Index = { secrets: new Set(), forms: new Map(), starts: new Set(), longest: 0 };
  return {
    add(secret) {
      if (index.secrets.has(secret)) return;
      index.secrets.add(secret);
      for (const form of formsOf(secret)) addForm(index, form);
    },
    text(text) {
      const ranges = findRanges(index, text, 0);
      const shown = ranges.length === 0 ? text : show(text, ranges, 0, text.length);
      return shown.includes(CUT) ? hideBeginnings(index, shown) : shown;
    },
    stream: () => createStream(index),
  };
}

/** How a text that was too long ends. */
const CUT = '…';

function hideBeginnings(index: Index, text: string): string {
  const parts = text.split(CUT);
  const last = parts.pop() ?? '';
  const hidden = parts.map((part) => {
    const from = holdFrom(index, part);
    return part.length - from < MIN_SECRET_CHARACTERS ? part : part.slice(0, from) + REDACTED;
  });
  return [...hidden, last].join(CUT);
}

function addForm(index: Index, form: string): void {
  const key = keyAt(form, 0);
  const forms = index.forms.get(key) ?? [];
  if (forms.includes(form)) return;
  index.forms.set(key, [...forms, form]);
  for (let length = 1; length < KEY_CHARACTERS; length += 1) index.starts.add(form.slice(0, length));
  index.longest = Math.max(index.longest, form.length);
}

/** Not unique, which only costs a comparison. */
function keyAt(text: string, at: number): number {
  return (
    (text.charCodeAt(at) << 24) ^
    (text.charCodeAt(at + 1) << 16) ^
    (text.charCodeAt(at + 2) << 8) ^
    text.charCodeAt(at + 3)
  );
}

/** What is to be hidden, in order, overlapping ones as one. The first `covered` characters are hidden in any case. */
function findRanges({ forms }: Index, text: string, covered: number): readonly Range[] {
  const ranges: [number, number][] = covered > 0 ? [[0, covered]] : [];
  if (forms.size === 0) return ranges;
  for (let at = 0; at + KEY_CHARACTERS <= text.length; at += 1) {
    const found = forms.get(keyAt(text, at))?.filter((form) => text.startsWith(form, at)) ?? [];
    if (found.length === 0) continue;
    const end = at + Math.max(...found.map(({ length }) => length));
    const last = ranges.at(-1);
    if (last && at < last[1]) last[1] = Math.max(last[1], end);
    else ranges.push([at, end]);
  }
  return ranges;
}

/** The part of a text up to `end`, with a mark for each range that begins in it from `told` on. */
function show(text: string, ranges: readonly Range[], told: number, end: number): string {
  let shown = '';
  let at = 0;
  for (const [from, to] of ranges) {
    if (from >= end) break;
    shown += text.slice(at, from) + (from < told ? '' : REDACTED);
    at = Math.min(to, end);
  }
  return shown + text.slice(at, end);
}

function createStream(index: Index): MaskStream {
  let held = '';
  // That many characters of what is held belong to a secret whose mark is shown already.
  let covered = 0;
  const take = (text: string, end: number): string => {
    const ranges = findRanges(index, text, covered);
    const shown = show(text, ranges, covered > 0 ? 1 : 0, end);
    const open = ranges.find(([from, to]) => to > end && (from < end || (from === 0 && covered > 0)));
    covered = open ? open[1] - end : 0;
    held = text.slice(end);
    return shown;
  };
  return {
    push(piece) {
      const text = held + piece;
      return take(text, holdFrom(index, text));
    },
    end: () => take(held, held.length),
  };
}

/** Where the longest ending of the text stands with which a form might begin; its length when there is none. */
function holdFrom({ forms, starts, longest }: Index, text: string): number {
  for (let at = Math.max(0, text.length - longest + 1); at < text.length; at += 1) {
    const rest = text.length - at;
    const may =
      rest < KEY_CHARACTERS
        ? starts.has(text.slice(at))
        : (forms.get(keyAt(text, at)) ?? []).some(
            (form) => form.length > rest && form.startsWith(text.slice(at)),
          );
    if (may) return at;
  }
  return text.length;
}
