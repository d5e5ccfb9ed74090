/** All entries of `deployments`, each judged alone, then against each other. */
import { isScalar, type Node } from 'yaml';
import { findClashes } from './claims.ts';
import { type ReadDeployment, readDeployment } from './deployment.ts';
import { findNode, placeOf, type Targets } from './find-node.ts';
import type { Finding, Path } from './findings.ts';
import type { Scope } from './scope.ts';
import type { ShapeFault } from './shape.ts';
import type { DeploymentEntry, ManifestRules } from './types.ts';

export interface EntriesResult {
  /** All that could be read, the wrong ones among them. */
  readonly deployments: readonly DeploymentEntry[];
  readonly findings: readonly Finding[];
  readonly warnings: readonly Finding[];
}

export interface Around {
  readonly rules: ManifestRules;
  readonly domain: string;
  readonly root: Node | null;
  readonly targets: Targets;
  /** What the schema refused and took out. */
  readonly shape: readonly ShapeFault[];
}

/** `data` maps names to what is left of each entry. A bug that one entry triggers stalls that entry alone. */
export function checkEntries(data: Readonly<Record<string, unknown>>, around: Around): EntriesResult {
  const findings: Finding[] = [];
  const warnings: Finding[] = [];
  const refused = new Set(around.shape.map(({ path }) => path.join('\0')));
  const finding = (
    deployment: string,
    path: Path,
    about: { message: string; at?: 'key' | 'value' },
  ): Finding => {
    const full = ['deployments', deployment, ...path];
    const offset = placeOf(findNode(around.root, full, around.targets), about.at ?? 'value');
    return { deployment, path: full, offset, message: about.message };
  };
  const read = namesOf(data, around).flatMap((name): readonly ReadDeployment[] => {
    const full = (path: Path) => ['deployments', name, ...path];
    const scope: Scope = {
      name,
      domain: around.domain,
      rules: around.rules,
      fail: (path, message, at = 'value') => findings.push(finding(name, path, { message, at })),
      warn: (path, message) => warnings.push(finding(name, path, { message })),
      broken: (path) => refused.has(full(path).join('\0')),
      scalar: (path) => {
        const { value } = findNode(around.root, full(path), around.targets);
        const target = around.targets.get(value as never) ?? value;
        return isScalar(target) ? target : undefined;
      },
    };
    try {
      return [readDeployment(data[name] ?? {}, scope)];
    } catch (error) {
      const kind = error instanceof Error ? error.name : 'error';
      scope.fail([], `could not be checked (internal ${kind}); please report this entry`, 'key');
      return [];
    }
  });
  for (const { deployment, path, message } of findClashes(read)) {
    findings.push(finding(deployment, path, { message }));
  }
  return { deployments: read.map(({ entry }) => entry), findings, warnings };
}

/** An entry that the schema took out whole still claims its hostname; one whose name is wrong can't have run. */
function namesOf(data: Readonly<Record<string, unknown>>, around: Around): readonly string[] {
  const gone = around.shape
    .filter(({ path, atKey }) => path.length === 2 && !atKey)
    .map(({ path }) => String(path[1]));
  return [...new Set([...Object.keys(data), ...gone])];
}
