/** Places of a text by its lines, and changes to it that leave all else byte for byte. */
import { isMap, isSeq, type Node } from 'yaml';

export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Applies them all at once; of two that overlap (both removals) the later is cut short. */
export function applySplices(text: string, splices: readonly Splice[]): string {
  const ordered = splices.map((splice, index) => ({ splice, index }));
  ordered.sort((a, b) => b.splice.start - a.splice.start || b.splice.end - a.splice.end || b.index - a.index);
  let out = text;
  let limit = text.length;
  for (const { splice } of ordered) {
    const end = Math.min(splice.end, limit);
    out = out.slice(0, splice.start) + splice.text + out.slice(end);
    limit = splice.start;
  }
  return out;
}

/** Start of the line that holds the offset. */
export function lineStart(text: string, offset: number): number {
  return offset === 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1;
}

/** End of that line, before its line break. */
export function lineEnd(text: string, offset: number): number {
  const at = text.indexOf('\n', offset);
  if (at < 0) return text.length;
  return at > offset && text[at - 1] === '\r' ? at - 1 : at;
}

/** Start of the line after; the text's end when it is the last. */
export function nextLine(text: string, offset: number): number {
  const at = text.indexOf('\n', offset);
  return at < 0 ? text.length : at + 1;
}

/** Whether a line begins there and holds nothing but space; the end of the text is no line. */
export function isBlankLine(text: string, start: number): boolean {
  return start < text.length && text.slice(start, nextLine(text, start)).trim() === '';
}

/** Indentation of a line that holds only a comment; undefined for any other line. */
export function commentIndent(text: string, start: number): number | undefined {
  const indent = /^ *(?=#)/.exec(text.slice(start, lineEnd(text, start)));
  return indent?.[0].length;
}

/** Where a node's own text ends, without the comments after it. */
export function contentEnd(node: Node): number {
  if ((isMap(node) || isSeq(node)) && !node.flow) {
    const last = node.items.at(-1);
    const tail = isMap(node)
      ? ((last as { value?: Node; key?: Node })?.value ?? (last as { key?: Node })?.key)
      : last;
    if (tail) return contentEnd(tail as Node);
  }
  return node.range?.[1] ?? 0;
}
