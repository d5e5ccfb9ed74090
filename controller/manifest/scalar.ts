/** When a scalar would not stay as it is written. Shared by what reads values and what writes them. */

/** Words that older YAML, and many a reader, takes for a boolean, and dates. YAML 1.2 itself leaves them as text. */
const MISLEADING = /^(?:yes|no|on|off|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?)$/i;

/** Whether bare text must be refused as ambiguous. */
export function isMisleading(text: string): boolean {
  return MISLEADING.test(text);
}

/** A bare number or boolean that is written as it is read: `80` and `true`, not `1.10`, `0777`, `1e3` or `True`. */
export function survives(value: unknown, source: string): value is number | boolean {
  if (typeof value === 'boolean') return String(value) === source;
  return typeof value === 'number' && Number.isSafeInteger(value) && String(value) === source;
}
