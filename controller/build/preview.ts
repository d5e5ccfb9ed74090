/** What a directory would become, for a person who is about to name it in the file. */
import { posix } from 'node:path';
import { StalledError } from '../core/errors.ts';
import type { BuildSpec } from '../core/types.ts';
import { analyze } from './analyze.ts';
import type { ReadableTree } from './directory.ts';

export type Preview =
  | {
      readonly state: 'found';
      /** `node 20, npm ci, npm start` */
      readonly summary: string;
      readonly preset?: NonNullable<BuildSpec['preset']>;
      /** Of the repo, relative to the directory. */
      readonly dockerfile?: string;
      /** Absent where only the finished image tells. */
      readonly listen?: number;
    }
  /** There is no way to build it; `why` says what is missing. */
  | { readonly state: 'nothing'; readonly why: string }
  /** It could not be looked at. */
  | { readonly state: 'unknown'; readonly why: string };

/** What every preset listens on unless the file says otherwise. */
const PRESET_PORT = 3000;
const DOCKERFILE_MAX_BYTES = 1024 * 1024;

/** Throws TransientError when the tree can't be read now. */
export async function preview(tree: ReadableTree, path: string): Promise<Preview> {
  try {
    const plan = await analyze(tree, path, {});
    const { summary } = plan;
    if (plan.kind === 'preset')
      return { state: 'found', summary, preset: plan.recipe.preset, listen: PRESET_PORT };
    const { dockerfile } = plan;
    const text = await tree.read(posix.join(path, dockerfile), DOCKERFILE_MAX_BYTES);
    const listen = lowestExpose(text?.toString('utf8') ?? '');
    return { state: 'found', summary, dockerfile, ...(listen !== undefined && { listen }) };
  } catch (error) {
    if (error instanceof StalledError) return { state: 'nothing', why: error.message };
    throw error;
  }
}

/** Of the last stage, as far as it is written in plain numbers; a base image may expose more. */
export function lowestExpose(dockerfile: string): number | undefined {
  const lines = dockerfile.split('\n').map((line) => line.trim().split(/\s+/));
  const is = (word: string, [first = '']: readonly string[]): boolean => first.toUpperCase() === word;
  const stage = lines.slice(lines.findLastIndex((line) => is('FROM', line)) + 1);
  const words = stage.filter((line) => is('EXPOSE', line)).flatMap(([, ...rest]) => rest);
  const ports = words
    .filter((word) => /^\d{1,5}(\/tcp)?$/i.test(word))
    .map((word) => Number.parseInt(word, 10));
  return ports.length === 0 ? undefined : Math.min(...ports);
}
