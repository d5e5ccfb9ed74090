/** The file at a commit, or the sentence that says why there is none. Its size is known before it is read. */
import { isLfsPointer } from '../../clients/git/entries.ts';
import { createTree, findEntry, nameOf, type TreePlace } from '../../clients/git/tree.ts';
import type { ConfigHead } from '../../clients/types.ts';
import { StalledError } from '../../core/errors.ts';

/** DESIGN §3: a larger file is an error. */
export const CONFIG_FILE_MAX_BYTES = 2 ** 20;

/** Throws TransientError when the commit can't be read; a commit that can be, and lacks the file, is `missing`. */
export async function readConfigFile(
  place: TreePlace,
  commit: string,
  { file, branch }: { readonly file: string; readonly branch: string },
): Promise<ConfigHead['file']> {
  const at = `of branch ${branch} at ${commit.slice(0, 7)}`;
  // Read the root first: an unreadable commit must not look like one without the file.
  await findEntry(place, commit, '.');
  const entry = await findEntry(place, commit, file);
  if (entry === undefined) return { missing: `${file} is not in the config repo (${at}): commit it` };
  if (!entry.mode.startsWith('100')) {
    return { missing: `${file} (${at}) is ${nameOf(entry.mode)}: commit it as a regular file` };
  }
  if (entry.size > CONFIG_FILE_MAX_BYTES) {
    return { missing: `${file} (${at}) has ${entry.size} bytes, at most ${CONFIG_FILE_MAX_BYTES} are read` };
  }
  const bytes = await createTree(place, commit).read(file, CONFIG_FILE_MAX_BYTES);
  if (bytes === undefined) return { missing: `${file} is not in the config repo (${at}): commit it` };
  if (isLfsPointer(bytes)) {
    return { missing: `${file} (${at}) is a Git LFS pointer: commit the file itself, without LFS` };
  }
  return { blob: entry.oid, bytes };
}

/** Its text byte for byte, a byte order mark too, to be edited and written back. Throws StalledError for no UTF-8. */
export function configText(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new StalledError(`${file} is not UTF-8 text: save it as UTF-8 and commit it`, { cause });
  }
}
