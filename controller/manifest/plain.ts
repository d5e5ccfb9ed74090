/**
 * YAML tree → plain data without a prototype, so that `__proto__` is a key like any other. Finds on the way what
 * makes a file wrong as a whole: duplicate keys, aliases that expand past a limit, tags that are not ours.
 */
import { type Alias, isAlias, isMap, isScalar, isSeq, type Node, type Scalar, type YAMLMap } from 'yaml';
import { type Finding, type Path, show } from './findings.ts';
import { isPlainTag } from './tree.ts';

export interface Plain {
  readonly value: unknown;
  /** What each alias stands for. */
  readonly targets: ReadonlyMap<Alias, Node>;
  /** Where `!sealed` was used. */
  readonly sealedAt: readonly SealedAt[];
  readonly findings: readonly Finding[];
}

export interface SealedAt {
  readonly path: Path;
  readonly offset: number;
}

/** Aliases, and what they stand for counted out again at each. */
const MAX_ALIASES = 100;
const MAX_ALIASED_NODES = 10_000;

interface Walk {
  readonly findings: Finding[];
  readonly sealedAt: SealedAt[];
  readonly targets: Map<Alias, Node>;
  readonly anchors: Map<string, Node>;
  readonly sealed: (text: string) => unknown;
  readonly lineOf: (offset: number) => number;
  aliases: number;
  overflow: boolean;
  aliasedNodes: number;
  /** Aliases around the node at hand. */
  inside: number;
}

/** `sealed` makes the value of a `!sealed` scalar, `lineOf` tells the line of an offset. Never throws. */
export function toPlain(
  root: Node | null,
  options: { readonly sealed: (text: string) => unknown; readonly lineOf: (offset: number) => number },
): Plain {
  const walk: Walk = {
    ...options,
    findings: [],
    sealedAt: [],
    targets: new Map(),
    anchors: new Map(),
    aliases: 0,
    overflow: false,
    aliasedNodes: 0,
    inside: 0,
  };
  const value = plain(walk, root, []);
  return { value, targets: walk.targets, sealedAt: walk.sealedAt, findings: walk.findings };
}

function plain(walk: Walk, node: unknown, path: Path): unknown {
  if (isAlias(node)) return fromAlias(walk, node, path);
  if (!isScalar(node) && !isMap(node) && !isSeq(node)) return null;
  if (walk.inside > 0 && ++walk.aliasedNodes > MAX_ALIASED_NODES) return overflow(walk, node);
  if (node.anchor !== undefined && walk.inside === 0) walk.anchors.set(node.anchor, node);
  if (!isPlainTag(node.tag) || (node.tag === '!sealed' && !isScalar(node))) {
    fail(
      walk,
      path,
      node,
      `tag ${show(node.tag ?? '')} is not known here; only \`!sealed\` is, before one line of text`,
    );
  }
  if (isScalar(node)) return fromScalar(walk, node, path);
  if (isSeq(node)) return node.items.map((item, index) => plain(walk, item, [...path, index]));
  return fromMap(walk, node, path);
}

function fromScalar(walk: Walk, node: Scalar, path: Path): unknown {
  if (node.tag !== '!sealed') return node.value;
  walk.sealedAt.push({ path, offset: start(node) });
  return walk.sealed(String(node.value));
}

function fromMap(walk: Walk, node: YAMLMap, path: Path): unknown {
  const value: Record<string, unknown> = Object.create(null);
  const seen = new Map<string, Node>();
  for (const pair of node.items) {
    if (!isScalar(pair.key)) {
      fail(walk, path, isAlias(pair.key) ? pair.key : node, 'a key must be plain text');
      continue;
    }
    const key = String(pair.key.value);
    const first = seen.get(key);
    if (first)
      fail(walk, [...path, key], pair.key, `duplicate key, first on line ${walk.lineOf(start(first))}`);
    else seen.set(key, pair.key);
    value[key] = plain(walk, pair.value, [...path, key]);
  }
  return value;
}

function fromAlias(walk: Walk, node: Alias, path: Path): unknown {
  if (walk.overflow) return null;
  const target = walk.targets.get(node) ?? walk.anchors.get(node.source);
  if (!target) {
    fail(walk, path, node, `alias *${show(node.source)} has no anchor before it`);
    return null;
  }
  walk.targets.set(node, target);
  walk.aliases += 1;
  if (walk.aliases > MAX_ALIASES) return overflow(walk, node);
  walk.inside += 1;
  const value = plain(walk, target, path);
  walk.inside -= 1;
  return value;
}

function overflow(walk: Walk, node: Node): null {
  if (!walk.overflow) {
    const message = `aliases expand past ${MAX_ALIASES} (or to more than ${MAX_ALIASED_NODES} values); write the values out`;
    fail(walk, [], node, message);
  }
  walk.overflow = true;
  return null;
}

function fail(walk: Walk, path: Path, node: Node, message: string): void {
  walk.findings.push({ deployment: '', path, offset: start(node), message });
}

function start(node: Node): number {
  return node.range?.[0] ?? 0;
}
