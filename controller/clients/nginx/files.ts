/**
 * The files that nginx reads. A set of changes is first laid out beside them, whole, where nginx can test it; then the
 * tested files themselves are renamed over. What they replace is laid out there too, so that putting it back needs
 * no space on the disk. No name ever holds half a file.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Step } from '../../core/step.ts';
import { syncPath } from '../atomic-file.ts';
import { readHeader } from './words.ts';

/** Where the files are; all on one file system. */
export interface Layout {
  /** Holds `nginx.conf` when managed. */
  readonly dir: string;
  readonly sitesDir: string;
  /** Holds what is being tried; no pattern of nginx matches its name. */
  readonly stagingDir: string;
}

export interface DiskFile {
  readonly text: string;
  readonly ours: boolean;
}

/** Files by name without `.conf`, in order. */
export type DiskFiles = ReadonlyMap<string, DiskFile>;

/** What is to be at a place from now on; no text: nothing. */
export interface Write {
  readonly name: string;
  /** Absolute, and the same place in the staging directory is where its text waits. */
  readonly file: string;
  readonly staged: string;
  readonly before?: string | undefined;
  readonly after?: string | undefined;
}

/** Every `*.conf` there, ours and foreign; empty where the directory does not exist yet. */
export async function readFiles(sitesDir: string, owner: string): Promise<DiskFiles> {
  const names = (await orAbsent(readdir(sitesDir))) ?? [];
  const files = names.filter((name) => name.endsWith('.conf') && !name.startsWith('.')).sort();
  const read = await Promise.all(
    files.map(async (file) => {
      const name = file.slice(0, -'.conf'.length);
      const text = (await readText(join(sitesDir, file))) ?? '';
      return [name, { text, ours: isOurs(name, text, owner) }] as const;
    }),
  );
  return new Map(read);
}

/** A file's text; undefined where there is none. */
export function readText(file: string): Promise<string | undefined> {
  return orAbsent(readFile(file, 'utf8'));
}

/** Lays out a whole configuration in the staging directory: `nginx.conf`, and the sites by name. */
export async function stage(
  layout: Layout,
  content: { readonly conf: string; readonly sites: ReadonlyMap<string, string> },
): Promise<void> {
  const { stagingDir } = layout;
  await rm(stagingDir, { recursive: true, force: true });
  await mkdir(join(stagingDir, 'sites'), { recursive: true });
  await mkdir(join(stagingDir, 'before'));
  await mkdir(join(stagingDir, 'tmp'));
  await mkdir(layout.sitesDir, { recursive: true });
  await writeFile(join(stagingDir, 'nginx.conf'), content.conf);
  for (const [name, text] of content.sites) await writeFile(join(stagingDir, 'sites', `${name}.conf`), text);
}

/** Removes the staging directory. */
export function unstage(layout: Layout): Promise<void> {
  return rm(layout.stagingDir, { recursive: true, force: true });
}

/** Renames the staged files over, in the order given, those that go last. */
export async function swap(layout: Layout, writes: readonly Write[], step: Step): Promise<void> {
  const stays = writes.filter(({ after }) => after !== undefined);
  const goes = writes.filter(({ after }) => after === undefined);
  for (const { name, before } of writes) {
    const kept = join(layout.stagingDir, 'before', name);
    if (before !== undefined) await writeFile(kept, before).then(() => syncPath(kept));
  }
  for (const { staged } of stays) await syncPath(staged);
  for (const { name, file, staged } of stays) await step(`nginx.write ${name}`, () => rename(staged, file));
  for (const { name, file } of goes) await step(`nginx.remove ${name}`, () => rm(file, { force: true }));
  await syncPath(layout.sitesDir);
}

/** Undoes a swap, in reverse order. */
export async function putBack(layout: Layout, writes: readonly Write[], step: Step): Promise<void> {
  for (const { name, file, before } of writes.toReversed()) {
    if (before === undefined) await step(`nginx.remove ${name}`, () => rm(file, { force: true }));
    else await step(`nginx.write ${name}`, () => rename(join(layout.stagingDir, 'before', name), file));
  }
  await syncPath(layout.sitesDir);
}

/** The header must name the file too: a copy of our file under another name is someone's own. */
function isOurs(name: string, text: string, owner: string): boolean {
  const header = readHeader(text);
  return header?.owner === owner && (header.deployment === name || header.deployment === '');
}

/** A directory under such a name, or a broken link, is someone's own and has no text to read. */
async function orAbsent<T>(look: Promise<T>): Promise<T | undefined> {
  try {
    return await look;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
