/** An entry as plain data, the way the API takes it and the file holds it: what edits compare and write. */
import type { Sealed } from './types.ts';

export type EntryValue = string | number | boolean | Sealed | readonly EntryValue[] | EntryFields;

/** Fields as in the file; below `env` a value may be `{ sealed: '<base64>' }`. */
export interface EntryFields {
  readonly [field: string]: EntryValue | undefined;
}

const SEALED = Symbol('sealed');

/** A `!sealed` value, which no map of the file can be mistaken for. */
export interface SealedMark {
  readonly [SEALED]: string;
}

export type Model = null | string | number | boolean | SealedMark | readonly Model[] | ModelMap;

/** Has no prototype, as `toPlain` makes them, so that any key is only a key. */
export interface ModelMap {
  readonly [key: string]: Model;
}

/** A mark of that base64 text. */
export function markSealed(text: string): SealedMark {
  return Object.assign(Object.create(null), { [SEALED]: text });
}

/** The base64 text of a mark; undefined for anything else. */
export function sealedText(value: Model): string | undefined {
  return typeof value === 'object' && value !== null && SEALED in value ? value[SEALED] : undefined;
}

/** Whether it is a map: no list, no scalar, no mark. */
export function isModelMap(value: Model | undefined): value is ModelMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(SEALED in value);
}

/** A map of the same keys and values, without a prototype. */
export function modelMap(entries: Iterable<readonly [string, Model]>): ModelMap {
  const map: Record<string, Model> = Object.create(null);
  for (const [key, value] of entries) map[key] = value;
  return map;
}

/** What is `undefined` is left out. */
export function toModel(fields: EntryFields): ModelMap {
  return convert(fields, []) as ModelMap;
}

function convert(value: EntryValue, path: readonly string[]): Model {
  if (typeof value !== 'object') return value;
  if (Array.isArray(value))
    return value.map((item: EntryValue, index) => convert(item, [...path, String(index)]));
  if (isSealedValue(value as EntryFields, path)) return markSealed(String((value as Sealed).sealed));
  const pairs = Object.entries(value as EntryFields);
  return modelMap(
    pairs.flatMap(([key, item]) => (item === undefined ? [] : [[key, convert(item, [...path, key])]])),
  );
}

/** By its place: a volume may well be called `sealed`. */
function isSealedValue(value: EntryFields, path: readonly string[]): boolean {
  const field = path[0] === 'services' ? path.slice(2) : path;
  return field.length === 2 && field[0] === 'env' && typeof value.sealed === 'string';
}

/** The other way, for those who show or change an entry. */
export function toFields(map: ModelMap): EntryFields {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, toValue(value)]));
}

function toValue(value: Model): EntryValue | undefined {
  const sealed = sealedText(value);
  if (sealed !== undefined) return { sealed };
  if (Array.isArray(value)) return value.flatMap((item: Model) => toValue(item) ?? []);
  if (isModelMap(value)) return toFields(value);
  return value === null ? undefined : (value as string | number | boolean);
}
