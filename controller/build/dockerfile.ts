/**
 * Recipe → Dockerfile. Templates are Berth's own; what comes from a repo or the file only ever enters as a JSON array
 * in one line, made by the filters here, so no value can add an instruction or reach a shell before the build's own.
 */
import { fileURLToPath } from 'node:url';
import nunjucks from 'nunjucks';
import { StalledError } from '../core/errors.ts';
import { checkCommand } from './build-spec.ts';
import type { Recipe } from './plan.ts';

const TEMPLATES_DIR = fileURLToPath(new URL('../../templates/', import.meta.url));
const IMAGE = /^[a-z0-9][a-z0-9._/-]*(:[A-Za-z0-9._-]{1,128})?$/;
const FILE = /^[A-Za-z0-9._@+-]+(\/[A-Za-z0-9._@+-]+)*$/;
const ARG_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Text of the Dockerfile. The repo's files are expected below `app/` of the context. Throws StalledError for hostile values. */
export function renderDockerfile(recipe: Recipe): string {
  return environment().render(`${recipe.preset}.njk`, {
    tool: '',
    install: '',
    build: '',
    prune: '',
    start: [],
    ...recipe,
  });
}

function environment(): nunjucks.Environment {
  const loader = new nunjucks.FileSystemLoader(TEMPLATES_DIR, { watch: false });
  const env = new nunjucks.Environment(loader, {
    autoescape: false,
    throwOnUndefined: true,
    trimBlocks: true,
    lstripBlocks: true,
  });
  env.addFilter('image', (value: unknown) => matching(value, IMAGE, 'image'));
  env.addFilter('arg', (value: unknown) => matching(value, ARG_NAME, 'build argument'));
  env.addFilter('sh', (value: unknown) => exec(['sh', '-c', value]));
  env.addFilter('exec', exec);
  env.addFilter('copy', (names: unknown) => {
    if (!Array.isArray(names) || names.length === 0) throw new StalledError('no files to copy');
    return json([...names.map((name) => `app/${matching(name, FILE, 'file name')}`), './']);
  });
  return env;
}

function matching(value: unknown, pattern: RegExp, what: string): string {
  if (typeof value !== 'string' || !pattern.test(value) || value.includes('..')) {
    throw new StalledError(`${JSON.stringify(value)} is no ${what} a Dockerfile may hold`);
  }
  return value;
}

function exec(words: unknown): string {
  if (!Array.isArray(words) || words.length === 0)
    throw new StalledError('a command must be a list of words');
  for (const word of words) {
    if (typeof word !== 'string') throw new StalledError('a command must be a list of words');
    checkCommand('a build command', word);
  }
  return json(words);
}

/** One line of plain ASCII without `<`, which BuildKit could take for a here-document. */
function json(words: readonly unknown[]): string {
  return JSON.stringify(words).replace(
    /[^ -;=-~]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
