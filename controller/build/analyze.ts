/**
 * Decides how a directory becomes an image. What the file says wins, then the repo's own Dockerfile, then the first
 * that recognises it: Node, Python, Go, static. So a `package.json` beside an `index.html` is Node, and Node itself
 * calls a front end without a server static.
 */
import { StalledError } from '../core/errors.ts';
import type { BuildSpec } from '../core/types.ts';
import { analyzeGo } from './analyze-go.ts';
import { analyzeNode } from './analyze-node.ts';
import { analyzePython } from './analyze-python.ts';
import { analyzeStatic } from './analyze-static.ts';
import { checkBuildSpec } from './build-spec.ts';
import { type Directory, openDirectory, type ReadableTree } from './directory.ts';
import type { BuildPlan, DockerfilePlan, PresetPlan } from './plan.ts';

const DOCKERFILE_MAX_BYTES = 1024 * 1024;

/** Undefined: not one of mine. Throws StalledError when it is, but can't be built as it is. */
type Detector = (directory: Directory, build: BuildSpec) => Promise<PresetPlan | undefined>;

const DETECTORS: Readonly<Record<NonNullable<BuildSpec['preset']>, Detector>> = {
  node: analyzeNode,
  python: analyzePython,
  go: analyzeGo,
  static: analyzeStatic,
};

/** Reads objects of the tree only. Throws StalledError with what to do when no way to build is found. */
export async function analyze(tree: ReadableTree, path: string, build: BuildSpec): Promise<BuildPlan> {
  checkBuildSpec(build);
  const directory = await openDirectory(tree, path);
  if (build.dockerfile !== undefined) return dockerfilePlan(directory, build.dockerfile, build);
  if (build.preset !== undefined) {
    const plan = await DETECTORS[build.preset](directory, build);
    if (plan === undefined)
      throw new StalledError(`${where(path)} holds nothing the ${build.preset} preset knows: ${looked}`);
    return plan;
  }
  if (directory.entry('Dockerfile') !== undefined) return dockerfilePlan(directory, 'Dockerfile', build);
  for (const detect of Object.values(DETECTORS)) {
    const plan = await detect(directory, build);
    if (plan !== undefined) return plan;
  }
  throw new StalledError(`no way to build ${where(path)} was found: ${looked}`);
}

const looked =
  'looked for Dockerfile, package.json (Node), requirements.txt, pyproject.toml, app.py, main.py or wsgi.py (Python), ' +
  'go.mod (Go), index.html (static); add one, or set path or build.dockerfile';

function where(path: string): string {
  return path === '.' ? 'the repo' : path;
}

function dockerfilePlan(directory: Directory, name: string, build: BuildSpec): DockerfilePlan {
  const dockerfile = name.replace(/^(\.\/)+/, '');
  const entry = directory.entry(dockerfile);
  if (entry === undefined) {
    const what = directory.isDirectory(dockerfile) ? 'is a directory' : 'does not exist';
    throw new StalledError(
      `build.dockerfile: ${dockerfile} ${what}; it must be a file below the service's path`,
    );
  }
  if (!directory.has(dockerfile)) {
    throw new StalledError(`${dockerfile} is a link: a Dockerfile must be a regular file of the repo`);
  }
  if (entry.size > DOCKERFILE_MAX_BYTES) throw new StalledError(`${dockerfile} is larger than 1 MiB`);
  const unused = (['install', 'command', 'output'] as const).filter((field) => build[field] !== undefined);
  const note = unused.length > 0 ? ` (build.${unused.join(', build.')} not used with it)` : '';
  return { kind: 'dockerfile', dockerfile, summary: `${dockerfile}${note}` };
}
