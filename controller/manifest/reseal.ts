/**
 * Sealed values of a file, sealed again for the newest key. Only these scalars change, byte for byte: comments, order,
 * quotes and line ends stay. The value keeps its place and content, so no instance is made anew because of it.
 */
import { isDeepStrictEqual } from 'node:util';
import { isScalar, type Node } from 'yaml';
import { StalledError } from '../core/errors.ts';
import { findNode } from './find-node.ts';
import { type Path, placeText, showPath } from './findings.ts';
import { applySplices, type Splice } from './lines.ts';
import { markSealed } from './model.ts';
import { type Plain, toPlain } from './plain.ts';
import { readSealed } from './sealed/open.ts';
import type { SealedPlace } from './sealed/payload.ts';
import { seal } from './sealed/seal.ts';
import { readTree, type Tree } from './tree.ts';

export interface Resealed {
  readonly text: string;
  /** `deployments/blog/env/KEY` of each value that was sealed again, in the file's order. */
  readonly changed: readonly string[];
  /** Those that can't be opened: `deployments.yaml:14:11 deployments/blog/env/KEY: why`. */
  readonly failed: readonly string[];
  /** How many were sealed for the newest key before. */
  readonly fresh: number;
}

export interface ResealOptions {
  /** As errors name the file. */
  readonly file: string;
  /** The newest last. */
  readonly identities: readonly string[];
  /** Of the newest. */
  readonly recipient: string;
}

/** Throws StalledError when the file is wrong as a whole, or can't be edited here. */
export async function reseal(text: string, options: ResealOptions): Promise<Resealed> {
  const mark = text.startsWith('\ufeff') ? '\ufeff' : '';
  const body = text.slice(mark.length);
  const { tree, plain, texts } = open(body);
  const changed: string[] = [];
  const failed: string[] = [];
  // An alias shows one scalar at several places, and it is right at one of them at most.
  const anew = new Map<number, string>();
  const splices: Splice[] = [];
  for (const [index, { path, offset }] of plain.sealedAt.entries()) {
    const old = texts[index] ?? '';
    const next = await sealedAgain(old, placeOf(path), options);
    if ('fault' in next)
      failed.push(`${placeText({ path, offset }, options.file, tree.lines)}: ${next.fault}`);
    if (!('text' in next)) continue;
    changed.push(showPath(path));
    anew.set(offset, next.text);
    splices.push(spliceOf(findNode(tree.root, path, plain.targets).value, { body, old, next: next.text }));
  }
  const after = plain.sealedAt.map(({ offset }, index) => anew.get(offset) ?? texts[index] ?? '');
  const result = applySplices(body, splices);
  proveOnly(result, { body, after });
  return { text: mark + result, changed, failed, fresh: after.length - changed.length - failed.length };
}

type Again = { readonly text: string } | { readonly fault: string } | { readonly fresh: true };

/** The newest key alone is tried first: what it opens needs nothing. */
async function sealedAgain(
  old: string,
  place: SealedPlace | undefined,
  { identities, recipient }: ResealOptions,
): Promise<Again> {
  if (place === undefined) return { fault: 'stands where no sealed value may: move it to `env`' };
  if ('value' in (await readSealed(old, place, identities.slice(-1)))) return { fresh: true };
  const read = await readSealed(old, place, identities);
  if ('fault' in read) return read;
  return { text: await seal(read.value, place, recipient) };
}

/** As `env` of a service, or of a deployment that names none. */
function placeOf(path: Path): SealedPlace | undefined {
  const [top, deployment = '', ...field] = path.map(String);
  const [service = '', ...rest] = field[0] === 'services' ? field.slice(1) : ['web', ...field];
  const [env, name] = rest;
  const isEnv = top === 'deployments' && env === 'env' && rest.length === 2;
  return isEnv && name !== undefined ? { deployment, service, name } : undefined;
}

/** Inside its quotes or block, where it stands as it is; a scalar that writes it in another way is replaced whole. */
function spliceOf(
  node: Node | undefined,
  { body, old, next }: { readonly body: string; readonly old: string; readonly next: string },
): Splice {
  const [start, end] = node?.range ?? [];
  if (!isScalar(node) || start === undefined || end === undefined) throw new StalledError(BY_HAND);
  const at = body.slice(start, end).indexOf(old);
  if (at < 0) return { start, end, text: next };
  return { start: start + at, end: start + at + old.length, text: next };
}

/** Read again, the text must say what it said before, but for what was sealed again. */
function proveOnly(
  result: string,
  { body, after }: { readonly body: string; readonly after: readonly string[] },
): void {
  const wanted = open(body, after).plain.value;
  if (!isDeepStrictEqual(open(result).plain.value, wanted)) throw new StalledError(BY_HAND);
}

const BY_HAND =
  'the file is written in a way that can not be edited here (an anchor, perhaps); edit it by hand';

interface Opened {
  readonly tree: Tree;
  readonly plain: Plain;
  /** What stands behind each `!sealed`, in the order of `plain.sealedAt`. */
  readonly texts: readonly string[];
}

/** `instead`: texts to read in place of those of the file. */
function open(body: string, instead?: readonly string[]): Opened {
  const tree = readTree(body);
  const texts: string[] = [];
  const lineOf = (offset: number): number => Math.max(1, tree.lines.linePos(offset).line);
  const sealed = (text: string) => {
    const index = texts.push(text) - 1;
    return markSealed(instead?.[index] ?? text);
  };
  const plain = toPlain(tree.root, { sealed, lineOf });
  const [fault] = [...tree.findings, ...plain.findings];
  if (fault)
    throw new StalledError(`the file can't be edited: line ${lineOf(fault.offset)}: ${fault.message}`);
  return { tree, plain, texts };
}
