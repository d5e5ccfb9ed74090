/**
 * What a build context looks like. With a Dockerfile of its own the repo's directory is the context. With a rendered
 * one the repo lies below `app/`, so that nothing in it can clash with what Berth puts beside.
 */

import type { ContextFile } from './context-file.ts';
import { renderDockerfile } from './dockerfile.ts';
import type { BuildPlan, Recipe } from './plan.ts';
import { staticServerFiles } from './static-server.ts';

export interface Layout {
  /** Put before the name of every file of the repo. */
  readonly prefix: '' | 'app/';
  /** In the context. */
  readonly dockerfile: string;
  readonly files: readonly ContextFile[];
  /** Patterns to leave out, before those of the repo's own `.dockerignore`. */
  readonly ignore: readonly string[];
}

/** Turns each public base image into the one to use. */
export type ChooseBase = (reference: string) => Promise<string>;

/** Throws StalledError when a base image can't be had. */
export async function layoutOf(plan: BuildPlan, choose: ChooseBase): Promise<Layout> {
  if (plan.kind === 'dockerfile') return { prefix: '', dockerfile: plan.dockerfile, files: [], ignore: [] };
  const recipe = await withBases(plan.recipe, choose);
  const dockerfile = { name: 'Dockerfile', content: Buffer.from(renderDockerfile(recipe)) };
  const server = recipe.preset === 'static' ? await staticServerFiles('server/') : [];
  return {
    prefix: 'app/',
    dockerfile: dockerfile.name,
    files: [dockerfile, ...server],
    ignore: recipe.ignore,
  };
}

async function withBases(recipe: Recipe, choose: ChooseBase): Promise<Recipe> {
  const bases: Record<string, string> = {};
  for (const [role, reference] of Object.entries(recipe.bases)) bases[role] = await choose(reference);
  return { ...recipe, bases } as Recipe;
}
