/**
 * Replaces a file so that after a crash or a power cut the old or the new content is there, never a mix: written
 * beside under a name of its own, synced, renamed over, and the directory synced so that the rename itself lasts.
 */
import { randomBytes } from 'node:crypto';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Mode 0600. A failed write leaves the old file as it was, and nothing beside it. Throws Node's own errors. */
export async function writeAtomic(file: string, text: string): Promise<void> {
  const temp = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const handle = await open(temp, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temp, file);
  } catch (error) {
    await rm(temp, { force: true });
    throw error;
  }
  await syncPath(dirname(file));
}

/** Removes what a killed `writeAtomic` of this file left beside it. */
export async function removeStrays(file: string): Promise<void> {
  const start = `${basename(file)}.`;
  for (const name of await readdir(dirname(file))) {
    if (name.startsWith(start) && /^[0-9a-f]{12}\.tmp$/.test(name.slice(start.length)))
      await rm(join(dirname(file), name), { force: true });
  }
}

/** Makes a file, or the renames in a directory, durable. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
