import type { InstanceSpec } from '../../core/types.ts';

/**
 * The environment as the container gets it: sealed values are opened here, at the moment of its creation, and nowhere
 * else. Throws the StalledError of a value that can't be opened.
 */
export async function openEnv(env: InstanceSpec['env']): Promise<Readonly<Record<string, string>>> {
  const pairs = Object.entries(env).map(
    async ([name, value]) => [name, typeof value === 'string' ? value : await value.open()] as const,
  );
  return Object.fromEntries(await Promise.all(pairs));
}
