/**
 * Which files stay out of the context, as the docker command line decides it: `<Dockerfile>.dockerignore` wins over
 * `.dockerignore`, and the Dockerfile and the rules themselves are always sent. The engine applies none of it to a tar.
 */
import type { SourceTree } from '../clients/types.ts';
import { openDirectory } from './directory.ts';
import { parseIgnore } from './ignore-pattern.ts';
import type { Layout } from './layout.ts';

/** True for a path to leave out. Throws StalledError when the rules are a link or over 1 MiB. */
export async function ignoreRules(
  tree: SourceTree,
  path: string,
  layout: Layout,
): Promise<(name: string) => boolean> {
  const directory = await openDirectory(tree, path);
  const own = layout.prefix === '' ? await directory.read(`${layout.dockerfile}.dockerignore`) : undefined;
  const text = own ?? (await directory.read('.dockerignore')) ?? '';
  const rules = parseIgnore([...layout.ignore, text].join('\n')).toReversed();
  const always = new Set(layout.prefix === '' ? [layout.dockerfile, '.dockerignore'] : []);
  return (name) => {
    if (always.has(name)) return false;
    const decides = rules.find((rule) => rule.matches(name));
    return decides !== undefined && !decides.negative;
  };
}
