/** Pairs of one map of the file: added, removed or given another value, as splices of the text. */
import type { CST, Node, Pair, YAMLMap } from 'yaml';
import { StalledError } from '../core/errors.ts';
import { blockLines, childLines, emitFlow, emitPair, isBlock } from './emit.ts';
import {
  commentIndent,
  contentEnd,
  isBlankLine,
  lineEnd,
  lineStart,
  nextLine,
  type Splice,
} from './lines.ts';
import type { Model } from './model.ts';

export interface Page {
  readonly text: string;
  readonly eol: string;
  /** Spaces that a level is indented by. */
  readonly step: number;
}

type NewPair = readonly [string, Model];

/** Braces: `removed` are indices into its items. At least one pair is left or added. */
export function editFlowPairs(
  map: YAMLMap,
  removed: ReadonlySet<number>,
  added: readonly NewPair[],
): readonly Splice[] {
  const starts = map.items.map((pair) => startOf(pair.key as Node));
  const ends = map.items.map(endOfPair);
  const lastKept = map.items.findLastIndex((_, index) => !removed.has(index));
  const splices = [...removed].flatMap((index): readonly Splice[] =>
    index < lastKept ? [{ start: starts[index] ?? 0, end: starts[index + 1] ?? 0, text: '' }] : [],
  );
  const from = lastKept < 0 ? (starts[0] ?? 0) : (ends[lastKept] ?? 0);
  const to = removed.has(map.items.length - 1) ? (ends.at(-1) ?? from) : from;
  const pairs = added.map(([key, value]) => emitPair(key, value)).join(', ');
  const text = pairs !== '' && lastKept >= 0 ? `, ${pairs}` : pairs;
  return [...splices, { start: from, end: to, text }];
}

/** Lines below one another, of a map that has some: the new ones follow the last. */
export function addBlockPairs(map: YAMLMap, added: readonly NewPair[], page: Page): readonly Splice[] {
  const { text, eol, step } = page;
  const [first] = map.items;
  const last = map.items.at(-1);
  if (added.length === 0 || !first || !last) return [];
  const column = columnOf(first, text);
  const at = endOfLines(last, column, text);
  const apart =
    map.items.length > 1 &&
    isBlankLine(text, lineStart(text, startOfLines(map, map.items.length - 1, text) - 1));
  const blocks = added.map(([key, value]) => {
    const lines = blockLines(key, value, step).map((line) => (line === '' ? '' : ' '.repeat(column) + line));
    return `${apart ? eol : ''}${lines.join(eol)}`;
  });
  const onNewLine = at === 0 || text[at - 1] === '\n';
  const body = blocks.join(eol);
  return [{ start: at, end: at, text: onNewLine ? body + eol : eol + body }];
}

/** All lines of the pair, the comments that belong to it, and the blank lines that kept it apart. */
export function removeBlockPair(map: YAMLMap, index: number, page: Page): Splice {
  const { text } = page;
  const pair = map.items[index];
  if (!pair) return { start: 0, end: 0, text: '' };
  let start = startOfLines(map, index, text);
  let end = endOfLines(pair, columnOf(pair, text), text);
  const isLast = index === map.items.length - 1;
  const blankBefore = start > 0 && isBlankLine(text, lineStart(text, start - 1));
  if (isLast) {
    while (index > 0 && start > 0 && isBlankLine(text, lineStart(text, start - 1)))
      start = lineStart(text, start - 1);
  } else if (blankBefore || index === 0) {
    while (isBlankLine(text, end)) end = nextLine(text, end);
  }
  return { start, end, text: '' };
}

/** Another value for a pair; the rest of its line, a comment say, stays. */
export function replaceValue(
  pair: Pair,
  value: Model,
  about: { readonly page: Page; readonly flow: boolean },
): readonly Splice[] {
  const { text, eol, step } = about.page;
  const colon = colonOf(pair);
  const end = Math.max(colon + 1, pair.value ? contentEnd(pair.value as Node) : 0);
  const gap = /^[ \t]*/.exec(text.slice(colon + 1))?.[0] ?? '';
  const start = colon + 1 + gap.length;
  if (about.flow)
    return [{ start, end: Math.max(start, end), text: `${gap === '' ? ' ' : ''}${emitFlow(value)}` }];
  const keyLineEnd = lineEnd(text, colon);
  const closing = text[end - 1] === '\n' && end > keyLineEnd ? eol : '';
  const below = isBlock(value)
    ? childLines(value, step).map((line) =>
        line === '' ? eol : eol + ' '.repeat(columnOf(pair, text) + step) + line,
      )
    : [];
  const inline = isBlock(value) ? '' : `${gap || ' '}${emitFlow(value)}`;
  if (start >= keyLineEnd || text[start] === '#') {
    // The value stands on later lines; the comment behind its last one was about what goes.
    const lastEnd = closing === '' ? lineEnd(text, Math.max(keyLineEnd, end)) : end;
    return [
      { start: colon + 1, end: colon + 1, text: inline },
      { start: keyLineEnd, end: lastEnd, text: below.join('') + closing },
    ];
  }
  const tail = closing === '' ? text.slice(end, lineEnd(text, end)) : '';
  const to = closing === '' ? lineEnd(text, end) : end;
  return [{ start: colon + 1, end: to, text: inline + tail.trimEnd() + below.join('') + closing }];
}

/** First line of the pair; the comments right above are its own, but not those at the top of the map. */
function startOfLines(map: YAMLMap, index: number, text: string): number {
  const pair = map.items[index];
  if (!pair) return 0;
  let start = lineStart(text, startOf(pair.key as Node));
  const column = columnOf(pair, text);
  while (index > 0 && start > 0 && commentIndent(text, lineStart(text, start - 1)) === column) {
    start = lineStart(text, start - 1);
  }
  return start;
}

/** Start of the line after the pair and after the comments that are indented deeper than its key. */
function endOfLines(pair: Pair, column: number, text: string): number {
  const content = endOfPair(pair);
  let end = text[content - 1] === '\n' ? content : nextLine(text, content);
  while ((commentIndent(text, end) ?? -1) > column) end = nextLine(text, end);
  return end;
}

function endOfPair(pair: Pair): number {
  const value = pair.value ? contentEnd(pair.value as Node) : 0;
  return Math.max(value, (pair.key as Node).range?.[1] ?? 0);
}

function columnOf(pair: Pair, text: string): number {
  const start = startOf(pair.key as Node);
  return start - lineStart(text, start);
}

function colonOf(pair: Pair): number {
  const { sep } = (pair.srcToken ?? {}) as CST.CollectionItem;
  const colon = sep?.find((token) => token.type === 'map-value-ind');
  if (!colon)
    throw new StalledError('the file is written in a way that can not be edited here; edit it by hand');
  return colon.offset;
}

function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}
