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

/** Begins the name of the file that all sites share; a deployment's file is `<name>.conf` beside it. */
const SHARED_FILE = '00-berth-';

/** What the controller runs for itself stands beside the deployments, under these names. */
export const OWN = { admin: 'berth-admin', tunnel: 'berth-tunnel' } as const;

const OWN_NAMES: ReadonlySet<string> = new Set(Object.values(OWN));

/** Whether it is the name of something that the controller runs for itself, and so of no entry. */
export function isOwnName(name: string): boolean {
  return OWN_NAMES.has(name);
}

/** Why no deployment may have this name; undefined for any other. */
export function nameFault(name: string): string | undefined {
  if (isInherited(name)) return `must not be called ${name}; choose another name`;
  if (name.startsWith(SHARED_FILE))
    return `must not start with ${SHARED_FILE}, as nginx's own files do; choose another name`;
  if (isOwnName(name)) return `must not be called ${name}, as the controller's own is; choose another name`;
  return undefined;
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
