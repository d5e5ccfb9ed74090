/**
 * Text → one YAML tree with places, or why not. Nesting is measured on the tokens, before the recursive composer
 * sees them: at the end of its stack Node may abort the whole process instead of throwing (seen with yaml 2.9.1).
 */
import {
  Composer,
  type CST,
  type Document,
  LineCounter,
  type ParsedNode,
  Parser,
  type YAMLError,
} from 'yaml';
import type { Finding } from './findings.ts';

export interface Tree {
  readonly root: ParsedNode | null;
  readonly lines: LineCounter;
  readonly findings: readonly Finding[];
}

/** `deployments/x/services/y/health/path` is six deep; nothing sensible comes near this. */
const MAX_DEPTH = 40;
/** One mistake makes the parser complain all the way down. */
const MAX_SYNTAX_ERRORS = 20;
const NO_DIRECTIVES = 'directives such as %YAML are not supported; remove the line';
const PLAIN_TAG = /^(?:!sealed|tag:yaml\.org,2002:(?:str|int|float|bool|null|map|seq))$/;

/** How the file is read: YAML 1.2, text keys, and the one tag of ours. */
const YAML_OPTIONS = {
  version: '1.2',
  schema: 'core',
  merge: false,
  strict: true,
  stringKeys: true,
  // Duplicates are found in plain.ts: with both places, and without comparing each key with each.
  uniqueKeys: false,
  keepSourceTokens: true,
  customTags: [{ tag: '!sealed', resolve: (text: string) => text }],
} as const;

/** Never throws. With findings the tree may be partial, and the file is wrong as a whole. */
export function readTree(text: string): Tree {
  const lines = new LineCounter();
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  const deep = tooDeep(tokens);
  if (deep !== undefined) {
    return { root: null, lines, findings: [fault(deep, `nested more than ${MAX_DEPTH} levels deep`)] };
  }
  const composer = new Composer({ ...YAML_OPTIONS, customTags: [...YAML_OPTIONS.customTags] });
  const docs = [...composer.compose(tokens, true, text.length)] as Document.Parsed[];
  const [first, second] = docs;
  // Unknown tags are told by plain.ts, with their path.
  const findings = docs
    .flatMap((doc) => [...doc.errors, ...doc.warnings])
    .filter((error) => !(error.name === 'YAMLWarning' && error.code === 'TAG_RESOLVE_FAILED'))
    .map((error) => explain(error, text));
  if (first && (first.directives.yaml.explicit || Object.keys(first.directives.tags).length > 1)) {
    findings.push(fault(0, NO_DIRECTIVES));
  }
  if (second) findings.push(fault(second.range[0], 'a second document starts here; there may be only one'));
  return { root: first?.contents ?? null, lines, findings: findings.slice(0, MAX_SYNTAX_ERRORS) };
}

/** A tag that only plain data has; `undefined` is none written. */
export function isPlainTag(tag: string | undefined): boolean {
  return tag === undefined || PLAIN_TAG.test(tag);
}

function tooDeep(tokens: readonly CST.Token[]): number | undefined {
  let level: readonly CST.Token[] = tokens
    .flatMap((token) => (token.type === 'document' ? [token.value] : []))
    .filter(is);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return level[0]?.offset;
    level = level.flatMap((token) => ('items' in token ? token.items : [])).flatMap(children);
  }
  return undefined;
}

function children(item: {
  readonly key?: CST.Token | null;
  readonly value?: CST.Token;
}): readonly CST.Token[] {
  return [item.key, item.value].filter(is);
}

function is<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

function fault(offset: number, message: string): Finding {
  return { deployment: '', path: [], offset, message };
}

/** Says what is wrong without repeating what the file holds there, which may be a secret. */
function explain(error: YAMLError, text: string): Finding {
  const offset = Math.min(error.pos[0], text.length);
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return fault(offset, 'a tab indents this line; use spaces');
    case 'TAG_RESOLVE_FAILED':
      return fault(offset, 'unknown tag; only `!sealed` is known, and only before one line of text');
    case 'NON_STRING_KEY':
      return fault(offset, 'a key must be plain text');
    case 'RESOURCE_EXHAUSTION':
      return fault(offset, 'nested too deep');
    case 'UNEXPECTED_TOKEN':
      return fault(offset, 'this does not fit here; look for a missing quote, colon or comma above');
    case 'BAD_DIRECTIVE':
      return fault(offset, NO_DIRECTIVES);
    case 'BAD_DQ_ESCAPE':
      return fault(
        offset,
        'unknown escape in double quotes; write \\\\ for a backslash, or use single quotes',
      );
    default:
      return fault(offset, `${error.message.charAt(0).toLowerCase()}${error.message.slice(1, 200)}`);
  }
}
