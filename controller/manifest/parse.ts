/**
 * `deployments.yaml` → what it asks for, or every reason why not. A file that is wrong as a whole yields no manifest,
 * so nothing changes; an entry that is wrong is named as stalled, which is not the same as absent.
 */
import { LineCounter, type Node } from 'yaml';
import type { Problem } from '../core/types.ts';
import { checkEntries } from './entries.ts';
import { findNode, placeOf, type Targets } from './find-node.ts';
import { type Finding, type Path, toProblems } from './findings.ts';
import { hostnameFault } from './hostname.ts';
import { type SealedAt, toPlain } from './plain.ts';
import { whereSealed } from './sealed/where.ts';
import { checkShape, type ShapeFault } from './shape.ts';
import { readText } from './text.ts';
import { readTree } from './tree.ts';
import type { Manifest, ManifestRules } from './types.ts';

export interface ParseResult {
  /** Absent when the file is wrong as a whole. */
  readonly manifest?: Manifest;
  /** Sorted by place; also those of stalled entries, which the manifest has as well. */
  readonly problems: readonly Problem[];
}

/** Never throws, whatever the bytes; takes about 0.5 ms an entry. */
export function parseManifest(bytes: Uint8Array, rules: ManifestRules): ParseResult {
  const read = readText(bytes);
  if (!('text' in read)) return wrong([{ ...read, deployment: '', path: [] }], rules, countLines(read.seen));
  if (isEmpty(read.text)) {
    const message = 'is empty; write `deployments: {}` if nothing should run';
    return wrong([{ deployment: '', path: [], offset: 0, message }], rules, countLines(''));
  }
  try {
    return parseText(read.text, rules);
  } catch (error) {
    // A bug of ours must not read as an empty file; the message of a foreign error might hold a value of the file.
    const message = `could not be read (internal ${error instanceof Error ? error.name : 'error'}); please report this file`;
    return wrong([{ deployment: '', path: [], offset: 0, message }], rules, countLines(''));
  }
}

function parseText(text: string, rules: ManifestRules): ParseResult {
  const tree = readTree(text);
  if (tree.findings.length > 0) return wrong(tree.findings, rules, tree.lines);
  const lineOf = (offset: number) => tree.lines.linePos(offset).line;
  const plain = toPlain(tree.root, { sealed: (sealed) => sealed, lineOf });
  const shape = checkShape(plain.value);
  const data = (plain.value ?? {}) as {
    readonly domain?: string;
    readonly deployments?: Record<string, object>;
  };
  const domain = data.domain ?? rules.domain;
  const around = { rules, domain, root: tree.root, targets: plain.targets, shape };
  const entries = checkEntries(data.deployments ?? {}, around);
  const findings = [
    ...plain.findings,
    ...straySeals(plain.sealedAt),
    ...checkDomain(data.domain, tree.root),
    ...shape.map((fault) => locate(fault, tree.root, plain.targets)),
    ...entries.findings,
  ];
  const problems = toProblems(findings, rules.file, tree.lines);
  if (findings.some(({ deployment }) => deployment === '')) return { problems };
  const stalled = [...new Set(findings.map(({ deployment }) => deployment))];
  const deployments = entries.deployments.filter(({ name }) => !stalled.includes(name));
  const warnings = toProblems(entries.warnings, rules.file, tree.lines);
  const sealedAt = whereSealed(plain.sealedAt, rules.file, tree.lines);
  return { manifest: { domain, deployments, stalled, problems, warnings, sealedAt }, problems };
}

function locate(fault: ShapeFault, root: Node | null, targets: Targets): Finding {
  const { path, message, atKey } = fault;
  const offset = placeOf(findNode(root, path, targets), atKey ? 'key' : 'value');
  return { deployment: deploymentOf(path), path, offset, message };
}

function deploymentOf(path: Path): string {
  return path[0] === 'deployments' && path[1] !== undefined ? String(path[1]) : '';
}

/** Comments, blank lines and document marks alone. */
function isEmpty(text: string): boolean {
  return text.split('\n').every((line) => /^(?:$|#|---$|\.\.\.$)/.test(line.trim()));
}

function wrong(findings: readonly Finding[], rules: ManifestRules, lines: LineCounter): ParseResult {
  return { problems: toProblems(findings, rules.file, lines) };
}

function checkDomain(domain: string | undefined, root: Node | null): readonly Finding[] {
  const fault = domain === undefined ? undefined : hostnameFault(domain, []);
  if (fault === undefined) return [];
  const offset = placeOf(findNode(root, ['domain'], new Map()), 'value');
  return [{ deployment: '', path: ['domain'], offset, message: fault }];
}

/** A `!sealed` value anywhere but below `env` would be taken for the text that it is not. */
function straySeals(sealedAt: readonly SealedAt[]): readonly Finding[] {
  return sealedAt.flatMap(({ path, offset }): readonly Finding[] => {
    const [top, , ...rest] = path;
    const field = rest[0] === 'services' ? rest.slice(2) : rest;
    if (top === 'deployments' && (isVariable(field, ['env']) || isVariable(field, ['build', 'args'])))
      return [];
    return [
      {
        deployment: deploymentOf(path),
        path,
        offset,
        message: 'only values of `env` can be sealed; write it in plain text',
      },
    ];
  });
}

function isVariable(field: Path, map: Path): boolean {
  return field.length === map.length + 1 && map.every((part, index) => field[index] === part);
}

function countLines(text: string): LineCounter {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines.addNewLine(at + 1);
  return lines;
}
