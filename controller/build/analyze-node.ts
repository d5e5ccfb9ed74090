/**
 * Node: a server that the `start` script, `main`, `server.js` or `index.js` names, or, when there is a build script
 * and none of these, a front end whose built files are served. A `start` that only runs a development server
 * (`vite`, `react-scripts start`) is no server.
 */
import { StalledError } from '../core/errors.ts';
import type { BuildSpec } from '../core/types.ts';
import { NODE_BASE, NODE_MAJORS } from './bases.ts';
import type { Directory } from './directory.ts';
import { type NodePackage, readNodePackage } from './node-package.ts';
import { type PackageTool, packageTool } from './node-tools.ts';
import type { NodeRecipe, PresetPlan, StaticRecipe } from './plan.ts';

const OUTPUTS = ['dist', 'build', 'out', 'public'];
const EMPTY: NodePackage = { scripts: {}, hasDependencies: false, installNeedsSource: false };
const DEVELOPMENT_SERVER =
  /^(npx )?(react-scripts start|vite( (dev|serve|preview))?|webpack(-dev-server| serve)|ng serve|vue-cli-service serve|parcel)( -|$| [\w./]*\.html)/;
/** Safe to run without npm in between, which costs a process, memory and a third of a second. */
const PLAIN_NODE = /^node( [\w./:=@-]+)+$/;

/** The plan for a directory with a `package.json`. Throws StalledError when there is nothing to start or serve. */
export async function analyzeNode(directory: Directory, build: BuildSpec): Promise<PresetPlan | undefined> {
  const found = await readNodePackage(directory);
  if (found === undefined && build.preset !== 'node') return undefined;
  const app = found ?? EMPTY;
  const tool = await packageTool(directory, app);
  const command = build.command ?? (app.scripts.build === undefined ? '' : tool.run('build'));
  const start = startCommand(directory, app, command);
  if (start !== undefined && build.output === undefined)
    return serverPlan({ app, tool, build, command, start });
  if (command !== '' || build.output !== undefined) return frontEndPlan({ app, tool, build, command });
  if (build.preset === 'node') return serverPlan({ app, tool, build, command });
  if (directory.has('index.html')) return undefined;
  throw new StalledError(
    'package.json is there but nothing to start or build: add a start script, main, server.js or index.js, or a build script',
  );
}

interface Found {
  readonly app: NodePackage;
  readonly tool: PackageTool;
  readonly build: BuildSpec;
  readonly command: string;
  readonly start?: readonly string[];
}

function startCommand(
  directory: Directory,
  app: NodePackage,
  command: string,
): readonly string[] | undefined {
  const { start, prestart, poststart } = app.scripts;
  if (start !== undefined && !DEVELOPMENT_SERVER.test(start.trim())) {
    const plain = prestart === undefined && poststart === undefined && PLAIN_NODE.test(start);
    return plain ? start.split(' ') : ['npm', 'start'];
  }
  const main = app.main?.replace(/^\.\//, '');
  if (main !== undefined && directory.has(main)) return ['node', main];
  if (command !== '' && directory.has('index.html')) return undefined;
  if (main !== undefined && command !== '' && /^[\w./-]+$/.test(main)) return ['node', main];
  const file = ['server.js', 'index.js'].find((name) => directory.has(name));
  return file === undefined ? undefined : ['node', file];
}

function serverPlan(found: Found): PresetPlan {
  const { tool, command, start } = found;
  const common = commonSteps(found);
  const prune =
    command !== '' && common.install !== undefined && found.build.install === undefined
      ? tool.prune
      : undefined;
  const recipe: NodeRecipe = {
    preset: 'node',
    ...common,
    ...(prune === undefined ? {} : { prune }),
    ...(start === undefined ? {} : { start }),
  };
  return { kind: 'preset', recipe, summary: words(recipe, found, start?.join(' ') ?? 'start of the file') };
}

function frontEndPlan(found: Found): PresetPlan {
  const { build } = found;
  const recipe: StaticRecipe = {
    preset: 'static',
    ...commonSteps(found),
    roots: build.output === undefined ? OUTPUTS : [build.output],
    fallback: true,
  };
  const served = `files of ${recipe.roots.join(', ')}`;
  return {
    kind: 'preset',
    recipe,
    summary: words(recipe, found, recipe.roots.length > 1 ? `first ${served}` : served),
  };
}

function commonSteps({ app, tool, build, command }: Found) {
  const fallback = command === '' ? tool.installProduction : tool.installAll;
  const needed = app.hasDependencies || app.installNeedsSource;
  const install = build.install ?? (needed ? fallback : '');
  const ahead = build.install === undefined && !app.installNeedsSource && tool.files.length > 0;
  const toolNeeded = tool.spec !== undefined && (install !== '' || command !== '');
  return {
    bases: { node: nodeBase(app.node ?? '') },
    ...(toolNeeded ? { tool: tool.spec } : {}),
    manifests: ahead ? ['package.json', ...tool.files] : [],
    args: Object.keys(build.args ?? {}).sort(),
    ...(install === '' ? {} : { install }),
    ...(command === '' ? {} : { build: command }),
    ignore: ['**/node_modules'],
  };
}

/** The major that `engines.node` names, when it names just one that exists as an image. */
function nodeBase(engines: string): string {
  const major = NODE_MAJORS.find((known) =>
    new RegExp(`^[v^~=]?${known}(\\.[x\\d]+)*$`).test(engines.trim()),
  );
  return major === undefined ? NODE_BASE : `node:${major}-slim`;
}

function words(recipe: NodeRecipe | StaticRecipe, { tool, build, command }: Found, last: string): string {
  const major = /^node:(\d+)/.exec(recipe.bases.node)?.[1];
  const install = build.install ?? (recipe.install === undefined ? '' : tool.words);
  return [`node ${major}`, install, command, last].filter((word) => word !== '').join(', ');
}
