/** What is wrong with a file, where: collected while it is read, shown as sorted lines. */
import type { LineCounter } from 'yaml';
import type { Problem } from '../core/types.ts';

export type Path = readonly (string | number)[];

export interface Finding {
  /** Empty when the file as a whole is wrong. */
  readonly deployment: string;
  readonly path: Path;
  /** Index into the text; its start when unknown. */
  readonly offset: number;
  /** Completes the sentence that the path begins. */
  readonly message: string;
}

/** A file of rubbish has as many findings as characters; nobody reads more than these of one deployment. */
const SHOWN_PER_DEPLOYMENT = 50;

/** `deployments.yaml:14:11 deployments/blog/port: must be …`, sorted by place, each line once. */
export function toProblems(
  findings: readonly Finding[],
  file: string,
  lines: LineCounter,
): readonly Problem[] {
  const shown = new Map<string, number>();
  const problems = new Map<string, Problem>();
  for (const finding of [...findings].sort((a, b) => a.offset - b.offset)) {
    const message = line(finding, file, lines);
    if (problems.has(message)) continue;
    const count = (shown.get(finding.deployment) ?? 0) + 1;
    shown.set(finding.deployment, count);
    if (count > SHOWN_PER_DEPLOYMENT) continue;
    problems.set(message, { deployment: finding.deployment, message });
  }
  const cut = [...shown].filter(([, count]) => count > SHOWN_PER_DEPLOYMENT);
  const rest = cut.map(([deployment, count]) => ({
    deployment,
    message: `${file}${deployment && ` ${showPath(['deployments', deployment])}`}: and ${count - SHOWN_PER_DEPLOYMENT} more errors`,
  }));
  return [...problems.values(), ...rest];
}

function line(finding: Finding, file: string, lines: LineCounter): string {
  return `${placeText(finding, file, lines)}: ${finding.message}`;
}

/** `deployments.yaml:14:11 deployments/blog/port`, which a message completes. */
export function placeText(
  { path, offset }: Pick<Finding, 'path' | 'offset'>,
  file: string,
  lines: LineCounter,
): string {
  const place = lines.lineStarts.length > 0 ? lines.linePos(offset) : { line: 1, col: 1 };
  const shown = path.length > 0 ? ` ${showPath(path)}` : '';
  return `${file}:${Math.max(1, place.line)}:${Math.max(1, place.col)}${shown}`;
}

/** `deployments/blog/env/"odd key"`: keys that hold anything unusual are quoted and cut. */
export function showPath(path: Path): string {
  return path
    .map((part) => (typeof part === 'number' ? String(part) : part.includes('/') ? quote(part) : show(part)))
    .join('/');
}

/** A piece of the file, safe to print: plain where it is plain, else quoted, escaped and cut at 60 characters. */
export function show(text: string): string {
  return /^[A-Za-z0-9@_.*<~/-]{1,64}$/.test(text) ? text : quote(text);
}

function quote(text: string): string {
  const cut = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return JSON.stringify(cut).replace(/[^\x20-\x7e…]/g, escapeCharacter);
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
