/**
 * Volumes are archived before they are deleted: one gzipped tar per volume and life of it, written beside and renamed,
 * so that a file of that name is a whole archive, and a crash only means that it is written once more.
 */
import { existsSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Step } from '../core/step.ts';
import type { Engine } from './engine/types.ts';
import type { Archiver } from './types.ts';

export interface ArchiverOptions {
  readonly engine: Pick<Engine, 'readVolume'>;
  /** `<data>/archive`. */
  readonly dir: string;
  readonly step: Step;
  /** An archive is done, or failed and may be tried again. */
  readonly onChange: () => void;
  readonly onError: (error: unknown) => void;
}

interface Volume {
  readonly key: string;
  readonly createdAt: string;
}

/** Makes the archiver; what is under way is known only in memory. */
export function createArchiver({ engine, dir, step, onChange, onError }: ArchiverOptions): Archiver {
  const underWay = new Map<string, Promise<void>>();
  const fileOf = ({ key, createdAt }: Volume): string =>
    join(dir, `${key}-${createdAt.replaceAll(/[^0-9TZ]/g, '')}.tar.gz`);

  const archive = async (volume: Volume): Promise<void> => {
    const file = fileOf(volume);
    const beside = `${file}.${process.pid}.tmp`;
    await step(`archive.write ${volume.key}`, async () => {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      const handle = await open(beside, 'w', 0o600);
      try {
        await pipeline(
          await engine.readVolume(volume.key),
          createGzip(),
          handle.createWriteStream({ flush: true }),
        );
        await rename(beside, file);
      } finally {
        await handle.close();
        await rm(beside, { force: true });
      }
    });
  };

  return {
    state: (volume) => {
      if (underWay.has(volume.key)) return 'archiving';
      return existsSync(fileOf(volume)) ? 'archived' : 'ready';
    },
    start(volume) {
      if (underWay.has(volume.key)) return;
      const work = archive(volume)
        .catch(onError)
        .then(() => {
          underWay.delete(volume.key);
          onChange();
        });
      underWay.set(volume.key, work);
    },
    close: async () => {
      await Promise.all(underWay.values());
    },
  };
}
