/**
 * Changes to `deployments.yaml` that keep every byte they need not touch: comments, order, quotes, line ends, odd
 * indents. Text → text, pure. Each result is read again and must say exactly what was asked, or nothing is returned.
 */
import { isDeepStrictEqual } from 'node:util';
import { isMap, type LineCounter, type YAMLMap } from 'yaml';
import { StalledError } from '../core/errors.ts';
import { addBlockPairs, editFlowPairs, type Page, removeBlockPair, replaceValue } from './edit-pairs.ts';
import { applySplices, lineStart, type Splice } from './lines.ts';
import {
  type EntryFields,
  isModelMap,
  type Model,
  type ModelMap,
  markSealed,
  modelMap,
  toFields,
  toModel,
} from './model.ts';
import { toPlain } from './plain.ts';
import { readTree } from './tree.ts';

/** The text with one more entry, at the end. Throws StalledError when it is there already or the file is wrong. */
export function addDeployment(text: string, name: string, entry: EntryFields): string {
  return edit(text, (deployments) => {
    if (name in deployments)
      throw new StalledError(`deployments/${name} exists already; choose another name`);
    return modelMap([...Object.entries(deployments), [name, toModel(entry)]]);
  });
}

/** The text with that entry as given; only lines of fields that differ change. Throws StalledError when it is not there. */
export function changeDeployment(text: string, name: string, entry: EntryFields): string {
  return edit(text, (deployments) => {
    if (!(name in deployments)) throw new StalledError(`deployments/${name} does not exist; add it first`);
    return modelMap(
      Object.entries(deployments).map(([key, value]) => [key, key === name ? toModel(entry) : value]),
    );
  });
}

/** The text without that entry and its comments. Throws StalledError when it is not there. */
export function removeDeployment(text: string, name: string): string {
  return edit(text, (deployments) => {
    if (!(name in deployments))
      throw new StalledError(`deployments/${name} does not exist, so it can't be removed`);
    return modelMap(Object.entries(deployments).filter(([key]) => key !== name));
  });
}

/** The entry as it is written, for an edit to start from; undefined when it is not there. Throws StalledError as edits do. */
export function readEntry(text: string, name: string): EntryFields | undefined {
  const { data } = open(text);
  const entry = deploymentsOf(data)[name];
  return isModelMap(entry) ? toFields(entry) : undefined;
}

interface Opened {
  readonly root: YAMLMap;
  readonly data: ModelMap;
}

function edit(text: string, change: (deployments: ModelMap) => ModelMap): string {
  const mark = text.startsWith('\ufeff') ? '\ufeff' : '';
  const body = text.slice(mark.length);
  const { root, data } = open(body);
  const deployments = change(deploymentsOf(data));
  const wanted = modelMap(
    Object.entries(data).map(([key, value]) => [key, key === 'deployments' ? deployments : value]),
  );
  const page: Page = { text: body, eol: body.includes('\r\n') ? '\r\n' : '\n', step: stepOf(root, body) };
  const result = applySplices(body, editMap(root, { before: data, after: wanted }, page));
  if (!isDeepStrictEqual(open(result).data, wanted)) {
    throw new StalledError(
      'the file is written in a way that can not be edited here (an anchor, perhaps); edit it by hand',
    );
  }
  return mark + result;
}

function editMap(
  map: YAMLMap,
  data: { readonly before: ModelMap; readonly after: ModelMap },
  page: Page,
): readonly Splice[] {
  const { before, after } = data;
  const flow = map.flow === true;
  const removed = new Set<number>();
  const splices: Splice[] = [];
  for (const [index, pair] of map.items.entries()) {
    const key = String((pair.key as { readonly value?: unknown }).value);
    const [old, value] = [before[key], after[key]];
    if (value === undefined) removed.add(index);
    else if (isDeepStrictEqual(old, value)) continue;
    else if (isFilled(old) && isFilled(value) && isMap(pair.value)) {
      splices.push(...editMap(pair.value, { before: old, after: value }, page));
    } else splices.push(...replaceValue(pair, value, { page, flow }));
  }
  const added = Object.entries(after).filter(([key]) => !(key in before));
  if (!flow) {
    const removals = [...removed].map((index) => removeBlockPair(map, index, page));
    return [...splices, ...removals, ...addBlockPairs(map, added, page)];
  }
  return removed.size + added.length > 0 ? [...splices, ...editFlowPairs(map, removed, added)] : splices;
}

function isFilled(value: Model | undefined): value is ModelMap {
  return isModelMap(value) && Object.keys(value).length > 0;
}

function open(text: string): Opened {
  const tree = readTree(text);
  const lineOf = (offset: number) => lineAt(tree.lines, offset);
  const plain = toPlain(tree.root, { sealed: markSealed, lineOf });
  const [fault] = [...tree.findings, ...plain.findings];
  if (fault)
    throw new StalledError(`the file can't be edited: line ${lineOf(fault.offset)}: ${fault.message}`);
  const data = plain.value as Model;
  if (!isMap(tree.root) || !isModelMap(data))
    throw new StalledError("the file can't be edited: it is no map");
  return { root: tree.root, data };
}

function deploymentsOf(data: ModelMap): ModelMap {
  const { deployments } = data;
  if (isModelMap(deployments)) return deployments;
  throw new StalledError("the file can't be edited: `deployments` is no map; write `deployments: {}`");
}

/** How deep the file indents its deployments, so that new lines look like the old ones. */
function stepOf(root: YAMLMap, text: string): number {
  const pair = root.items.find(
    (item) => String((item.key as { readonly value?: unknown }).value) === 'deployments',
  );
  const value = isMap(pair?.value) && !pair.value.flow ? pair.value.items[0]?.key : undefined;
  const start = (value as { readonly range?: readonly number[] } | undefined)?.range?.[0];
  const column = start === undefined ? 0 : start - lineStart(text, start);
  return column > 0 ? column : 2;
}

function lineAt(lines: LineCounter, offset: number): number {
  return Math.max(1, lines.linePos(offset).line);
}
