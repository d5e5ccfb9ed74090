/** `volumes` → name to normalised absolute path in the container. */
import type { Path } from './findings.ts';
import { isInherited, normalise } from './names.ts';
import type { Scope } from './scope.ts';

/** Directories that the kernel fills in every container. */
const KERNEL = /^\/(?:proc|sys|dev)(?:\/|$)/;

export function readVolumes(
  raw: Readonly<Record<string, string>>,
  at: Path,
  scope: Scope,
): Readonly<Record<string, string>> {
  const names = new Map<string, string>();
  const volumes = Object.entries(raw).map(([name, written]): [string, string] => {
    const path = normalise(written);
    if (isInherited(name))
      scope.fail([...at, name], `must not be called ${name}; choose another name`, 'key');
    if (path === '/' || path.split('/').includes('..')) {
      scope.fail([...at, name], 'must be an absolute path below /, with no .. in it');
    }
    if (KERNEL.test(path))
      scope.fail([...at, name], 'must not lie in /proc, /sys or /dev; choose another path');
    const twin = names.get(path);
    if (twin !== undefined) scope.fail([...at, name], `is the same path as that of ${twin}; choose another`);
    names.set(path, name);
    return [name, path];
  });
  return Object.fromEntries(volumes);
}
