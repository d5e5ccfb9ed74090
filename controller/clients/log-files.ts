import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Step } from '../core/step.ts';
import type { LogFiles } from './types.ts';

/** The folders below `<data>/logs`; each is named after its deployment. */
export function createLogFiles(dir: string, step: Step): LogFiles {
  return {
    async list() {
      const entries = await readdir(dir, { withFileTypes: true }).catch(noneYet);
      return entries
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => ({ key: name, deployment: name }))
        .sort((a, b) => (a.key < b.key ? -1 : 1));
    },
    remove: (key) => step(`logs.remove ${key}`, () => rm(join(dir, key), { recursive: true, force: true })),
  };
}

function noneYet(error: NodeJS.ErrnoException): readonly never[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}
