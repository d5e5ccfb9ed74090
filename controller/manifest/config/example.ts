import { readFile } from 'node:fs/promises';

/** `examples/hello` is a config repo as it should look; the embedded one starts as a copy of it. */
const FILES = ['deployments.yaml', 'README.md', 'apps/hello/package.json', 'apps/hello/server.js'] as const;

/** Path to text of the files that a new embedded config repo has. */
export async function exampleFiles(): Promise<Readonly<Record<string, string>>> {
  const dir = new URL('../../../examples/hello/', import.meta.url);
  const read = async (path: string): Promise<readonly [string, string]> => [
    path,
    await readFile(new URL(path, dir), 'utf8'),
  ];
  return Object.fromEntries(await Promise.all(FILES.map(read)));
}
