/** One service of an entry: every field checked, every default filled in. */
import { readEnv } from './env.ts';
import type { Path } from './findings.ts';
import { readHealth, readMemory } from './limits.ts';
import { checkPort } from './pinned-port.ts';
import type { RawService } from './raw.ts';
import type { Scope } from './scope.ts';
import { readBuild, readDirectory, readSource } from './source.ts';
import type { ServiceEntry } from './types.ts';
import { readVolumes } from './volumes.ts';

/** `at` is where the service's fields stand below the deployment; `siblings` are the names of all its services. */
export function readService(
  raw: RawService,
  about: {
    readonly name: string;
    readonly at: Path;
    readonly routed: boolean;
    readonly siblings: readonly string[];
  },
  scope: Scope,
): ServiceEntry {
  const { name, at, routed } = about;
  const internalPort = raw.port !== undefined && !routed;
  const volumes = readVolumes(raw.volumes ?? {}, [...at, 'volumes'], scope);
  const mustRecreate = internalPort || Object.keys(volumes).length > 0;
  checkPort(raw, { at, routed }, scope);
  return {
    name,
    source: readSource(raw, at, scope),
    path: readDirectory(raw.path, [...at, 'path'], scope),
    build: readBuild(raw.build, [...at, 'build'], scope),
    ...readStart(raw),
    ...(raw.listen === undefined ? {} : { listen: raw.listen }),
    ...(raw.port === undefined ? {} : { port: raw.port }),
    env: readEnv(raw.env, [...at, 'env'], { listen: raw.listen, scope }),
    health: readHealth(raw.health ?? {}, [...at, 'health'], scope),
    needs: readNeeds(raw, about, scope),
    memoryBytes: readMemory(raw.resources?.memory, [...at, 'resources', 'memory'], scope),
    ...(raw.resources?.cpus === undefined ? {} : { cpus: raw.resources.cpus }),
    pids: raw.resources?.pids ?? 512,
    volumes,
    replicas: raw.replicas ?? 1,
    strategy: raw.strategy ?? (mustRecreate ? 'recreate' : 'rolling'),
    routed,
  };
}

function readStart(raw: RawService): { start?: string | readonly string[] } {
  if (raw.start === undefined) return {};
  if (typeof raw.start === 'string') return { start: raw.start };
  return { start: raw.start.filter((word) => word !== undefined) };
}

function readNeeds(
  raw: RawService,
  about: { readonly name: string; readonly at: Path; readonly siblings: readonly string[] },
  scope: Scope,
): readonly string[] {
  const needs: string[] = [];
  for (const [index, need] of (raw.needs ?? []).entries()) {
    if (need === undefined) continue;
    const path = [...about.at, 'needs', index];
    if (need === about.name) scope.fail(path, 'names the service itself; remove it');
    else if (needs.includes(need)) scope.fail(path, 'is listed twice; remove one');
    else if (!about.siblings.includes(need) && !scope.broken(['services', need])) {
      scope.fail(path, `names no service of this deployment; there is ${about.siblings.join(', ')}`);
    }
    needs.push(need);
  }
  return needs;
}
