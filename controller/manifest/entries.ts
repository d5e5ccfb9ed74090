/** All entries of `deployments`, each judged alone, then against each other. */
import { isAlias, isScalar, type Node } from 'yaml';
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
  const found: Found = { findings: [], warnings: [] };
  const refused = new Set(around.shape.map(({ path }) => path.join('\0')));
  const read = namesOf(data, around).flatMap((name): readonly ReadDeployment[] => {
    const scope = createScope(name, { ...around, refused }, found);
    try {
      return [readDeployment(data[name] ?? {}, scope)];
    } catch (error) {
      const kind = error instanceof Error ? error.name : 'error';
      scope.fail([], `could not be checked (internal ${kind}); please report this entry`, 'key');
      return [];
    }
  });
  for (const { deployment, path, message } of findClashes(read)) {
    createScope(deployment, { ...around, refused }, found).fail(path, message);
  }
  return { deployments: read.map(({ entry }) => entry), ...found };
}

interface Found {
  readonly findings: Finding[];
  readonly warnings: Finding[];
}

function createScope(
  name: string,
  around: Around & { readonly refused: ReadonlySet<string> },
  found: Found,
): Scope {
  const { root, targets, rules, domain, refused } = around;
  const full = (path: Path): Path => ['deployments', name, ...path];
  const finding = (path: Path, message: string, at: 'key' | 'value'): Finding => {
    const offset = placeOf(findNode(root, full(path), targets), at);
    return { deployment: name, path: full(path), offset, message };
  };
  return {
    name,
    domain,
    rules,
    fail: (path, message, at = 'value') => found.findings.push(finding(path, message, at)),
    warn: (path, message) => found.warnings.push(finding(path, message, 'value')),
    broken: (path) => refused.has(full(path).join('\0')),
    scalar: (path) => {
      const { value } = findNode(root, full(path), targets);
      const target = isAlias(value) ? targets.get(value) : value;
      return isScalar(target) ? target : undefined;
    },
  };
}

/** An entry that the schema took out whole still claims its hostname; one whose name is wrong can't have run. */
function namesOf(data: Readonly<Record<string, unknown>>, around: Around): readonly string[] {
  const gone = around.shape
    .filter(({ path, atKey }) => path.length === 2 && !atKey)
    .map(({ path }) => String(path[1]));
  return [...new Set([...Object.keys(data), ...gone])];
}
