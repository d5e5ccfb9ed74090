/** The file against its JSON Schema. What the schema refuses is taken out of the data, so that the rest can be judged too. */
import { readFileSync } from 'node:fs';
import { domainToASCII } from 'node:url';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import type { Path } from './findings.ts';
import { didYouMean } from './near.ts';

export interface ShapeFault {
  readonly path: Path;
  readonly message: string;
  /** The key is wrong, not what it leads to. */
  readonly atKey: boolean;
}

/** `x-must` completes "must …" in an error; see the schema's own description. */
const ajv = new Ajv2020({
  allErrors: true,
  strict: true,
  strictTypes: false,
  allowUnionTypes: true,
  verbose: true,
});
ajv.addKeyword({ keyword: 'x-must', schemaType: 'string' });
// The folder stands beside controller/ and beside dist/ alike.
const validate = ajv.compile(
  JSON.parse(readFileSync(new URL('../../schemas/deployments.schema.json', import.meta.url), 'utf8')),
);

/** Every fault of the data (prototype-free, as `toPlain` makes it); the refused parts are removed from it. */
export function checkShape(data: unknown): readonly ShapeFault[] {
  if (validate(data)) return [];
  const faults = new Map<string, ShapeFault>();
  for (const error of validate.errors ?? []) {
    if (error.keyword === 'propertyNames') continue;
    const fault = toFault(error);
    faults.set(`${fault.path.join('\0')}\0${fault.message}`, fault);
  }
  for (const fault of faults.values()) prune(data, fault.path);
  return [...faults.values()];
}

function toFault(error: ErrorObject): ShapeFault {
  const parent = error.instancePath.split('/').slice(1).map(unescapePointer);
  const known = Object.keys((error.parentSchema?.properties as object | undefined) ?? {});
  switch (error.keyword) {
    case 'additionalProperties': {
      const name = String(error.params.additionalProperty);
      return { path: [...parent, name], message: unknownField(name, known), atKey: true };
    }
    case 'required': {
      const name = String(error.params.missingProperty);
      return { path: parent, message: `\`${name}\` is missing; add it`, atKey: true };
    }
    default: {
      const isName = error.propertyName !== undefined;
      const path = isName ? [...parent, String(error.propertyName)] : parent;
      const must = String(error.parentSchema?.['x-must'] ?? error.message);
      return { path, message: `must ${must}${oddCharacters(error.data)}`, atKey: isName };
    }
  }
}

function unknownField(name: string, known: readonly string[]): string {
  if (name === '<<') return 'merge keys are not supported; write the fields out';
  return `unknown field${didYouMean(name, known) || '; remove it'}`;
}

/** Names what can't be seen, and for a foreign alphabet the punycode, which shows what a look-alike really is. */
function oddCharacters(value: unknown): string {
  const odd = typeof value === 'string' ? /[^\x20-\x7e]/u.exec(value)?.[0] : undefined;
  if (typeof value !== 'string' || odd === undefined) return '';
  const code = (odd.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  const ascii = value.length <= 253 && /^[\p{L}\p{N}.-]+$/u.test(value) ? domainToASCII(value) : '';
  return `; it holds U+${code}${ascii ? ` (in punycode: ${ascii})` : ''}`;
}

function unescapePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** A list keeps its indices (a hole is `undefined`); the root stays. */
function prune(data: unknown, path: Path): void {
  const parent = path.slice(0, -1).reduce<unknown>((at, part) => (isObject(at) ? at[part] : undefined), data);
  const last = path.at(-1);
  if (!isObject(parent) || last === undefined) return;
  if (Array.isArray(parent)) parent[Number(last)] = undefined;
  else delete parent[last];
}

function isObject(value: unknown): value is Record<string | number, unknown> {
  return typeof value === 'object' && value !== null;
}
