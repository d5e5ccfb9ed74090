/** Files as they are: an `index.html` here, in `public` or in `dist`, or the directory that `build.output` names. */
import type { BuildSpec } from '../core/types.ts';
import { NODE_BASE } from './bases.ts';
import type { Directory } from './directory.ts';
import type { PresetPlan } from './plan.ts';

const ROOTS = ['.', 'public', 'dist'];

/** A static site without `package.json`; `build.command` may make its `build.output`. */
export async function analyzeStatic(directory: Directory, build: BuildSpec): Promise<PresetPlan | undefined> {
  const found = ROOTS.find((root) => directory.has(root === '.' ? 'index.html' : `${root}/index.html`));
  const root = build.output ?? found ?? (build.preset === 'static' ? '.' : undefined);
  if (root === undefined) return undefined;
  const steps = [build.install, build.command].filter((step) => step !== undefined && step !== '');
  return {
    kind: 'preset',
    recipe: {
      preset: 'static',
      bases: { node: NODE_BASE },
      manifests: [],
      args: Object.keys(build.args ?? {}).sort(),
      ...(build.install ? { install: build.install } : {}),
      ...(build.command ? { build: build.command } : {}),
      roots: [root],
      fallback: false,
      ignore: [],
    },
    summary: ['static', ...steps, root === '.' ? 'files as they are' : `files of ${root}`].join(', '),
  };
}
