/** Names that the schema can't refuse by their letters. */

/** What every JavaScript object inherits; refused as a name so that no map, here or in an app, is ever confused by it. */
const INHERITED: ReadonlySet<string> = new Set([
  ...Object.getOwnPropertyNames(Object.prototype),
  'prototype',
]);

/** Whether it is one of `__proto__`, `constructor`, `toString` and the like. */
export function isInherited(name: string): boolean {
  return INHERITED.has(name);
}

/** `..` or `.git` (in any case) as a part of a path. */
export function hasBadPart(path: string): boolean {
  return path.split('/').some((part) => part === '..' || part.toLowerCase() === '.git');
}

/** Without `.` parts, doubled and trailing slashes; the empty path is `.`. */
export function normalise(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  return `${path.startsWith('/') ? '/' : ''}${parts.join('/')}` || '.';
}
