/**
 * Approved deletions: one file per commit under `<data>/approved`, written by `berth approve` (or, later, the API) and
 * read by every pass. An approval names the deployments it is for, so it never covers one that goes later.
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Step } from '../core/step.ts';
import { writeAtomic } from './atomic-file.ts';

export interface Approvals {
  /** Deployments whose deletion is approved. */
  read(): Promise<ReadonlySet<string>>;
  write(commit: string, deployments: readonly string[]): Promise<void>;
  /** Forgets the approval of every deployment that is not going (any more): a name that comes back is a new one. */
  expire(going: ReadonlySet<string>): Promise<void>;
}

/** Kept in `dir`. */
export function createApprovals(dir: string, step: Step): Approvals {
  const files = async (): Promise<ReadonlyMap<string, readonly string[]>> => {
    const found = new Map<string, readonly string[]>();
    const names = await readdir(dir).catch(() => []);
    for (const name of names.filter((file) => /^[0-9a-f]{40}\.json$/.test(file)))
      found.set(name, namesIn(await readFile(join(dir, name), 'utf8').catch(() => '')));
    return found;
  };
  return {
    read: async () => new Set([...(await files()).values()].flat()),
    write: (commit, deployments) =>
      step(`approvals.write ${commit}`, async () => {
        await mkdir(dir, { recursive: true });
        await writeAtomic(join(dir, `${commit}.json`), JSON.stringify({ deployments }));
      }),
    async expire(going) {
      for (const [name, deployments] of await files()) {
        const left = deployments.filter((deployment) => going.has(deployment));
        if (left.length === deployments.length && left.length > 0) continue;
        const file = join(dir, name);
        if (left.length === 0) await step(`approvals.remove ${name}`, () => rm(file, { force: true }));
        else
          await step(`approvals.trim ${name}`, () =>
            writeAtomic(file, JSON.stringify({ deployments: left })),
          );
      }
    },
  };
}

function namesIn(text: string): readonly string[] {
  try {
    const { deployments } = JSON.parse(text) as { deployments?: unknown };
    return Array.isArray(deployments) ? deployments.filter((name) => typeof name === 'string') : [];
  } catch {
    // Not what we wrote: it approves nothing.
    return [];
  }
}
