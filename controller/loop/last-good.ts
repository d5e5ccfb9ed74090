import { readFile } from 'node:fs/promises';
import { writeAtomic } from '../clients/atomic-file.ts';
import type { Step } from '../core/step.ts';

export interface GoodFile {
  readonly commit: string;
  readonly blob: string;
  readonly bytes: Uint8Array;
}

/** The newest file that was good, kept across restarts, so that a bad commit never means that nothing is known. */
export interface LastGood {
  /** Writes only when the commit is another one. */
  keep(file: GoodFile): Promise<void>;
  read(): Promise<GoodFile | undefined>;
}

/** Kept at `path` as JSON, written beside and renamed over. */
export function createLastGood(path: string, step: Step): LastGood {
  let kept: string | undefined;
  const read = async (): Promise<GoodFile | undefined> => {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text === undefined) return undefined;
    try {
      const { commit, blob, base64 } = JSON.parse(text) as Record<string, unknown>;
      if (typeof commit !== 'string' || typeof blob !== 'string' || typeof base64 !== 'string')
        return undefined;
      return { commit, blob, bytes: Buffer.from(base64, 'base64') };
    } catch {
      // A broken copy is no copy: the config repo is asked again in any case.
      return undefined;
    }
  };
  return {
    read,
    async keep({ commit, blob, bytes }) {
      kept ??= (await read())?.commit ?? '';
      if (kept === commit) return;
      const base64 = Buffer.from(bytes).toString('base64');
      await step(`config.keep ${commit}`, () => writeAtomic(path, JSON.stringify({ commit, blob, base64 })));
      kept = commit;
    },
  };
}
