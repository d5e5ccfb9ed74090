/** Where a service's image comes from: a repo at a branch, tag or commit, or a ready image. */
import type { BuildSpec } from '../core/types.ts';
import { readVariables } from './env.ts';
import type { Path } from './findings.ts';
import { hasBadPart, normalise } from './names.ts';
import type { RawBuild, RawService } from './raw.ts';
import { refNameFault } from './ref-name.ts';
import { repoUrlFault } from './repo-url.ts';
import type { Scope } from './scope.ts';
import type { ServiceEntry } from './types.ts';

const REFS = ['branch', 'tag', 'commit'] as const;
/** Fields that mean nothing for a ready image. */
const REPO_ONLY = [...REFS, 'path', 'build'] as const;
/** Fields that only analysis heeds, so they mean nothing beside a Dockerfile that was named. */
const PRESET_ONLY = ['preset', 'install', 'command', 'output'] as const;

/** `at` is the service's path below the deployment. */
export function readSource(raw: RawService, at: Path, scope: Scope): ServiceEntry['source'] {
  const { repo, image } = raw;
  if (image !== undefined) {
    for (const field of REPO_ONLY) {
      if (raw[field] !== undefined)
        scope.fail([...at, field], 'has no meaning for a ready `image`; remove it', 'key');
    }
    if (repo !== undefined) scope.fail([...at, 'image'], 'stands beside `repo`; keep one of the two', 'key');
    if (raw.pull === 'always')
      scope.fail([...at, 'pull'], 'is not supported by this version; name a version or a digest in `image`');
    return { kind: 'image', image };
  }
  const wrongAlready = scope.broken([]) || ['repo', 'image'].some((field) => scope.broken([...at, field]));
  if (repo === undefined && !wrongAlready)
    scope.fail(at, 'has neither `repo` nor `image`; add one of them', 'key');
  if (raw.pull !== undefined && !wrongAlready)
    scope.fail([...at, 'pull'], 'is only for an `image`; remove it', 'key');
  const fault = repo === undefined ? undefined : repoUrlFault(repo, scope.rules.gitAllow);
  if (fault) scope.fail([...at, 'repo'], fault);
  return { kind: 'repo', repo: repo ?? '.', ref: readRef(raw, at, scope) };
}

function readRef(
  raw: RawService,
  at: Path,
  scope: Scope,
): { branch?: string; tag?: string; commit?: string } {
  const [first, second] = REFS.filter((field) => raw[field] !== undefined);
  if (second) scope.fail([...at, second], `stands beside \`${first}\`; keep one of the two`, 'key');
  if (first && raw.repo === '.') {
    scope.fail(
      [...at, first],
      'has no meaning for `repo: .`, which is read at the commit of this file; remove it',
      'key',
    );
  }
  for (const field of ['branch', 'tag'] as const) {
    const fault = raw[field] === undefined ? undefined : refNameFault(raw[field]);
    if (fault) scope.fail([...at, field], fault);
  }
  return Object.fromEntries(REFS.flatMap((field) => (raw[field] === undefined ? [] : [[field, raw[field]]])));
}

/** A directory of the repo, normalised; `.` when there is none. */
export function readDirectory(raw: string | undefined, at: Path, scope: Scope): string {
  if (raw === undefined) return '.';
  if (hasBadPart(raw)) scope.fail(at, 'must stay inside the repo and outside .git: no .. or .git in it');
  return normalise(raw);
}

/** Paths normalised, arguments as text; fields that would have no effect are faults. */
export function readBuild(raw: RawBuild | undefined, at: Path, scope: Scope): BuildSpec {
  if (raw === undefined) return {};
  const { args, dockerfile, output, ...rest } = raw;
  if (dockerfile !== undefined) {
    for (const field of PRESET_ONLY) {
      if (raw[field] !== undefined)
        scope.fail([...at, field], 'has no effect beside `dockerfile`; remove one', 'key');
    }
  }
  if (raw.preset !== undefined && raw.target !== undefined) {
    scope.fail([...at, 'target'], 'has no effect beside `preset`; remove one', 'key');
  }
  return {
    ...rest,
    ...(dockerfile === undefined
      ? {}
      : { dockerfile: readDirectory(dockerfile, [...at, 'dockerfile'], scope) }),
    ...(output === undefined ? {} : { output: readDirectory(output, [...at, 'output'], scope) }),
    ...(args === undefined ? {} : { args: readBuildArgs(args, [...at, 'args'], scope) }),
  };
}

function readBuildArgs(
  raw: Readonly<Record<string, unknown>>,
  at: Path,
  scope: Scope,
): Record<string, string> {
  const args: [string, string][] = [];
  for (const [name, value] of Object.entries(readVariables(raw, at, scope))) {
    if (typeof value === 'string') args.push([name, value]);
    else scope.fail([...at, name], 'must not be sealed: build arguments end up in the image for all to read');
  }
  return Object.fromEntries(args);
}
