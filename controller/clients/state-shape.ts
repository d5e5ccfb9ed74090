/** Is what was read from `state.json` really a `State`? Checked by hand: the shape is small, and a schema would be a second truth. */
import type { State } from './types.ts';

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === 'string';
const port: Check = (value) => Number.isInteger(value) && Number(value) > 0 && Number(value) < 65536;
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const mapOf =
  (check: Check): Check =>
  (value) =>
    isObject(value) && Object.values(value).every(check);
const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const row =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isObject(value) && Object.entries(fields).every(([name, check]) => check(value[name]));

const check = row({
  version: (value) => value === 1,
  ports: listOf(row({ port, deployment: text, service: text, instance: text, allocatedAt: text })),
  failures: listOf(row({ key: text, deployment: text, service: text, error: text, at: text })),
  givenUp: listOf(row({ key: text, deployment: text, reason: text, at: text })),
  removals: mapOf(listOf(text)),
  passes: listOf(row({ at: text, commit: text, trigger: text, lines: listOf(text) })),
  receipts: listOf(row({ deployment: text, commit: text, at: text, removed: listOf(text) })),
  routes: mapOf(text),
  held: maybe(row({ commit: text, deployments: listOf(text) })),
});

/** What a controller starts with when it knows nothing. */
export const EMPTY_STATE: State = {
  version: 1,
  ports: [],
  failures: [],
  givenUp: [],
  removals: {},
  passes: [],
  receipts: [],
  routes: {},
};

/** True for a state of this version, with every field of every row as it should be. */
export function isState(value: unknown): value is State {
  return check(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
