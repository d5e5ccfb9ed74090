/** Plain data → YAML text that reads back as exactly that data, by this parser and by careless ones. */
import { isModelMap, type Model, type ModelMap, sealedText } from './model.ts';
import { isMisleading } from './scalar.ts';

const WORDS = /^[A-Za-z/][\w./@+=:~-]*(?: [\w./@+=~-][\w./@+=:~-]*)*$/;
const UNIT = /^[0-9]+(?:ms|[smhkg])$/;
const RESERVED = /^(?:true|false|null)$/i;
const NOT_PRINTABLE = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g;
/** Lines that a block literal shows as they are: no tab or space first, nothing invisible. */
const LITERAL = /^[!-~][\t -~\u00a1-\u1fff]*(?:\n(?:[!-~][\t -~\u00a1-\u1fff]*)?)*$/;

/** One pair as lines, indented by `step` a level; the first line begins at column 0. */
export function blockLines(key: string, value: Model, step: number): readonly string[] {
  const name = emitText(key);
  const pad = ' '.repeat(step);
  if (isBlock(value))
    return [`${name}:`, ...childLines(value, step).map((line) => (line === '' ? '' : pad + line))];
  if (typeof value === 'string' && value.includes('\n') && LITERAL.test(value) && !value.endsWith('\n\n')) {
    const body = value.replace(/\n$/, '').split('\n');
    const chomp = value.endsWith('\n') ? '' : '-';
    return [`${name}: |${chomp}`, ...body.map((line) => (line === '' ? '' : pad + line))];
  }
  return [`${name}: ${emitFlow(value)}`];
}

/** The lines below a key, for a map or list that is not empty. */
export function childLines(value: ModelMap | readonly Model[], step: number): readonly string[] {
  if (Array.isArray(value)) return value.map((item: Model) => `- ${emitFlow(item)}`);
  return Object.entries(value).flatMap(([key, item]) => blockLines(key, item, step));
}

/** Whether it is written on lines of its own. */
export function isBlock(value: Model): value is ModelMap | readonly Model[] {
  return (isModelMap(value) || Array.isArray(value)) && Object.keys(value).length > 0;
}

/** Any value on one line. */
export function emitFlow(value: Model): string {
  const sealed = sealedText(value);
  if (sealed !== undefined) return `!sealed ${/^[A-Za-z0-9+/]+=*$/.test(sealed) ? sealed : quote(sealed)}`;
  if (Array.isArray(value)) return `[${value.map(emitFlow).join(', ')}]`;
  if (isModelMap(value)) {
    const pairs = Object.entries(value).map(([key, item]) => emitPair(key, item));
    return pairs.length > 0 ? `{ ${pairs.join(', ')} }` : '{}';
  }
  return typeof value === 'string' ? emitText(value) : String(value);
}

/** `key: value` inside braces. */
export function emitPair(key: string, value: Model): string {
  return `${emitText(key)}: ${emitFlow(value)}`;
}

function _emitKey(key: string): string {
  return emitText(key);
}

function emitText(text: string): string {
  const plain = text === '.' || UNIT.test(text) || (WORDS.test(text) && !/:(?: |$)/.test(text));
  return plain && !RESERVED.test(text) && !isMisleading(text) ? text : quote(text);
}

/** JSON is YAML; what JSON leaves bare and the file may not hold is escaped. */
function quote(text: string): string {
  return JSON.stringify(text).replace(
    NOT_PRINTABLE,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
