/** `package.json`, as much of it as a build needs; whatever has another type than it should is as if it weren't there. */
import { StalledError } from '../core/errors.ts';
import type { Directory } from './directory.ts';

export interface NodePackage {
  readonly scripts: Readonly<Record<string, string>>;
  readonly main?: string;
  readonly packageManager?: string;
  /** `engines.node`. */
  readonly node?: string;
  readonly hasDependencies: boolean;
  /** Installing needs other files of the repo: its own install scripts, workspaces, `file:` packages. */
  readonly installNeedsSource: boolean;
}

const INSTALL_SCRIPTS = [
  'preinstall',
  'install',
  'postinstall',
  'prepublish',
  'preprepare',
  'prepare',
  'postprepare',
];
const DEPENDENCY_FIELDS = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'];

/** Undefined without a `package.json`. Throws StalledError when it is no JSON object. */
export async function readNodePackage(directory: Directory): Promise<NodePackage | undefined> {
  const text = await directory.read('package.json');
  if (text === undefined) return undefined;
  const fields = record(parse(text));
  const scripts = strings(fields.scripts);
  const dependencies = Object.assign({}, ...DEPENDENCY_FIELDS.map((field) => strings(fields[field])));
  const node = record(fields.engines).node;
  const workspaces = fields.workspaces !== undefined || directory.has('pnpm-workspace.yaml');
  return {
    scripts,
    ...(typeof fields.main === 'string' && fields.main !== '' ? { main: fields.main } : {}),
    ...(typeof fields.packageManager === 'string' ? { packageManager: fields.packageManager } : {}),
    ...(typeof node === 'string' ? { node } : {}),
    hasDependencies: Object.keys(dependencies).length > 0 || workspaces,
    installNeedsSource:
      workspaces ||
      INSTALL_SCRIPTS.some((name) => scripts[name] !== undefined) ||
      Object.values(dependencies).some((version) =>
        /^(file|link|portal|patch):|^\.{0,2}\//.test(String(version)),
      ),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new StalledError('package.json is not valid JSON: mend it', { cause: error });
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function strings(value: unknown): Readonly<Record<string, string>> {
  const pairs = Object.entries(record(value)).filter(
    (pair): pair is [string, string] => typeof pair[1] === 'string',
  );
  return Object.fromEntries(pairs);
}
