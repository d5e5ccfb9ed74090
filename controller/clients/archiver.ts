/**
 * Volumes are archived before they are deleted: one gzipped tar per volume and life of it, written beside and renamed,
 * so that a file of that name is a whole archive, and a crash only means that it is written once more.
 */
import { existsSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
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
  /** Pause after the first failure; it doubles up to five minutes. */
  readonly retryMs?: number;
}

const RETRY_MS = 1_000;
const RETRY_MAX_MS = 5 * 60_000;

interface Volume {
  readonly key: string;
  readonly createdAt: string;
}

/** Makes the archiver; what is under way is known only in memory. */
export function createArchiver(options: ArchiverOptions): Archiver {
  const { dir, step, onChange, onError, retryMs = RETRY_MS } = options;
  const underWay = new Map<string, Promise<void>>();
  /** Failures in a row. */
  const failures = new Map<string, number>();
  const closing = new AbortController();
  const fileOf = ({ key, createdAt }: Volume): string => join(dir, `${key}-${plain(createdAt)}.tar.gz`);

  /** After a failure it counts as under way for a while, so that a full disk is not written to in circles. */
  const work = async (volume: Volume): Promise<void> => {
    try {
      await step(`archive.write ${volume.key}`, () => write(volume, fileOf(volume), options));
      failures.delete(volume.key);
    } catch (error) {
      onError(error);
      const times = failures.get(volume.key) ?? 0;
      failures.set(volume.key, times + 1);
      const pause = Math.min(retryMs * 2 ** times, RETRY_MAX_MS);
      await sleep(pause, undefined, { signal: closing.signal }).catch(() => undefined);
    }
    underWay.delete(volume.key);
    onChange();
  };

  return {
    state: (volume) => {
      if (underWay.has(volume.key)) return 'archiving';
      return existsSync(fileOf(volume)) ? 'archived' : 'ready';
    },
    start(volume) {
      if (!underWay.has(volume.key)) underWay.set(volume.key, work(volume));
    },
    async setAside(volume) {
      const file = fileOf(volume);
      const aside = file.replace(/\.tar\.gz$/, `-until-${plain(new Date().toISOString())}.tar.gz`);
      await step(`archive.setAside ${volume.key}`, () => rename(file, aside));
    },
    close: async () => {
      closing.abort();
      await Promise.all(underWay.values());
    },
  };
}

async function write(volume: Volume, file: string, { engine, dir }: ArchiverOptions): Promise<void> {
  // Always the same name: what a killed controller left half-written is written over, not left beside.
  const beside = `${file}.tmp`;
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
}

/** A time as part of a file name. */
function plain(iso: string): string {
  return iso.replaceAll(/[^0-9TZ]/g, '');
}
