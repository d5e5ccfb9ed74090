import { createBaseImages } from '../../controller/build/base-image.ts';
import type { Engine } from '../../controller/clients/engine/types.ts';

/**
 * An image with this machine's Node, npm and sh, for tests that run real apps; no registry is needed. It is made once
 * and stays, since every build on a machine without a registry starts from it.
 */
export function nodeImage(engine: Engine): Promise<string> {
  const deaf: Pick<Engine, 'hasImage' | 'pull' | 'importImage'> = {
    hasImage: engine.hasImage,
    importImage: engine.importImage,
    pull: () => Promise.reject(new Error('tests pull nothing')),
  };
  return createBaseImages({ engine: deaf }).choose('node:20-slim', () => {}, new AbortController().signal);
}
