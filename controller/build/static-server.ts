/** The files of the static server as they go into an image: templates/static and the packages it imports. */
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ContextFile } from './context-file.ts';

const SERVER_DIR = fileURLToPath(new URL('../../templates/static/', import.meta.url));
const require = createRequire(import.meta.url);

/** Sorted, with names below `prefix`. */
export async function staticServerFiles(prefix: string): Promise<readonly ContextFile[]> {
  const sirvPackage = require.resolve('sirv/package.json');
  const { dependencies } = JSON.parse(await readFile(sirvPackage, 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  const files = [...(await filesBelow(SERVER_DIR, prefix))];
  for (const name of ['sirv', ...Object.keys(dependencies)]) {
    const dir = name === 'sirv' ? dirname(sirvPackage) : packageDir(name, dirname(sirvPackage));
    files.push(...(await filesBelow(dir, `${prefix}node_modules/${name}/`)));
  }
  return files.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Not every package exports its `package.json`: the directory of its name above what it resolves to. */
function packageDir(name: string, from: string): string {
  const parts = require.resolve(name, { paths: [from] }).split(sep);
  const depth = name.split('/').length;
  const last = parts.lastIndexOf('node_modules');
  return parts.slice(0, last + 1 + depth).join(sep);
}

async function filesBelow(dir: string, prefix: string): Promise<readonly ContextFile[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(
    paths.map(async (path) => ({ name: prefix + relative(dir, path), content: await readFile(path) })),
  );
}
