/** Puts accepted changes in the place of the files in force, where the whole configuration of the machine must hold too. */
import { join } from 'node:path';
import { StalledError, TransientError } from '../../core/errors.ts';
import type { SiteChange } from '../types.ts';
import { blamedIn, type Result, reasonOf } from './command.ts';
import { type Omission, sharedName } from './config.ts';
import { type DiskFiles, putBack, swap, type Write } from './files.ts';
import { generationFor, type Look, sharedText, siteFile } from './look.ts';
import type { Mode } from './mode.ts';
import { type Attempt, changed, settle } from './trial.ts';

/** What was put in place; it passes every test, and nginx has not been told of it. */
export interface Installed {
  readonly after: DiskFiles;
  readonly writes: readonly Write[];
}

/** Undefined when every change was refused and nothing else is to be mended. Throws what `settle` throws. */
export async function install(attempt: Attempt): Promise<Installed | undefined> {
  const { mode, before, refuse } = attempt;
  let { changes } = attempt;
  let omit = before.omit;
  for (;;) {
    changes = await settle({ ...attempt, changes }, omit);
    if (changes.length === 0 && before.running === true) return undefined;
    const after = changed(before.files, changes);
    const writes = writesFor({ mode, before, after, changes, omit });
    await swap(mode.layout, writes, mode.place.step);
    const { ok, words } = await verified(mode, writes);
    if (ok) return { after, writes };
    await putBack(mode.layout, writes, mode.place.step);
    const known = omissionIn(words);
    const blamed = blamedIn(words) ?? '';
    if (known !== undefined && !omit.has(known)) {
      omit = new Set([...omit, known]);
    } else if (changes.some(({ name }) => name === blamed)) {
      refuse(blamed, new StalledError(`nginx refuses the site ${blamed}: ${reasonOf(words)}`));
      changes = changes.filter(({ name }) => name !== blamed);
    } else {
      throw await clash(mode, words);
    }
  }
}

async function verified(mode: Mode, writes: readonly Write[]): Promise<Result> {
  try {
    return (await mode.verify?.()) ?? { ok: true, words: '' };
  } catch (error) {
    if (error instanceof TransientError) await putBack(mode.layout, writes, mode.place.step);
    throw error;
  }
}

/** What the machine's nginx has already and may have but once, by its own words. */
function omissionIn(words: string): Omission | undefined {
  if (words.includes('"server_names_hash_bucket_size" directive is duplicate')) return 'hash-size';
  return words.includes('a duplicate default server for') ? 'default-server' : undefined;
}

async function clash(mode: Mode, words: string): Promise<Error> {
  const old = await mode.verify?.();
  if (old === undefined || old.ok) {
    return new StalledError(`nginx refuses Berth's sites beside its other files: ${reasonOf(words)}`);
  }
  return new TransientError(`nginx refuses its own files, so no site can change: ${reasonOf(old.words)}`);
}

/** The shared file comes before the sites, which use what it defines. What is there already is not written. */
function writesFor(options: {
  readonly mode: Mode;
  readonly before: Look;
  readonly after: DiskFiles;
  readonly changes: readonly SiteChange[];
  readonly omit: ReadonlySet<Omission>;
}): readonly Write[] {
  const { mode, before, after, changes, omit } = options;
  const { conf } = before;
  const site = (name: string, texts: { before?: string | undefined; after?: string | undefined }): Write => {
    const staged = join(mode.layout.stagingDir, 'sites', `${name}.conf`);
    return { name, file: siteFile(mode, name), staged, ...texts };
  };
  const shared = sharedText(mode, generationFor(mode, after, conf?.text), omit);
  const writes = [
    ...(conf
      ? [
          {
            name: 'nginx.conf',
            file: conf.file,
            staged: join(mode.layout.stagingDir, 'nginx.conf'),
            before: conf.onDisk,
            after: conf.text,
          },
        ]
      : []),
    site(sharedName(mode.place.owner), { before: before.shared, after: shared }),
    ...changes.map(({ name, text }) => site(name, { before: before.files.get(name)?.text, after: text })),
  ];
  return writes.filter((write) => write.before !== write.after);
}
