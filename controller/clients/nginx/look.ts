/** What is on the disk and what nginx runs, side by side. Looking changes nothing. */
import { join } from 'node:path';
import { generationOf, type Omission, readOmissions, renderShared, sharedName } from './config.ts';
import { type DiskFiles, readFiles, readText } from './files.ts';
import type { Mode } from './mode.ts';
import { type Answer, askGeneration } from './probe.ts';

export interface Look {
  /** Without the shared file. */
  readonly files: DiskFiles;
  readonly shared?: string | undefined;
  readonly conf?: { readonly file: string; readonly text: string; readonly onDisk: string | undefined };
  /** What a foreign nginx is known to have already. */
  readonly omit: ReadonlySet<Omission>;
  /** Of what is on the disk. */
  readonly generation: string;
  readonly answer: Answer | undefined;
  readonly running: true | string;
}

/** Reads every file and asks nginx once. */
export async function look(mode: Mode): Promise<Look> {
  const { owner } = mode.place;
  const all = await readFiles(mode.layout.sitesDir, owner);
  const shared = all.get(sharedName(owner));
  const files = new Map([...all].filter(([name]) => name !== sharedName(owner)));
  const wanted = await mode.conf();
  const conf = wanted && { ...wanted, onDisk: await readText(wanted.file) };
  const generation = generationFor(mode, files, wanted?.text);
  const omit = readOmissions(shared?.text ?? '');
  const answer = await askGeneration(mode.place);
  const seen = { files, shared: shared?.text, ...(conf && { conf }), omit, generation, answer };
  return { ...seen, running: trouble(mode, seen) ?? true };
}

/** The generation of a set of files; the shared file and `nginx.conf` count as they are to be. */
export function generationFor(mode: Mode, files: DiskFiles, conf: string | undefined): string {
  const counted = [...files].filter(([, { ours }]) => ours || mode.foreignCounts);
  return generationOf([
    ['nginx.conf', conf ?? ''],
    ['shared', sharedText(mode, '', new Set())],
    ...counted.map(([name, { text }]) => [name, text] as const).sort(([a], [b]) => (a < b ? -1 : 1)),
  ]);
}

/** The shared file as it is to be for a generation. */
export function sharedText(mode: Mode, generation: string, omit: ReadonlySet<Omission>): string {
  const { owner, http } = mode.place;
  return renderShared({ owner, http, generation, pages: mode.pages, omit });
}

/** Our sites by name. */
export function sitesOf(files: DiskFiles): ReadonlyMap<string, string> {
  const ours = [...files].filter(([, file]) => file.ours);
  return new Map(ours.map(([name, { text }]) => [name, text]));
}

/** Where a site's file is. */
export function siteFile(mode: Mode, name: string): string {
  return join(mode.layout.sitesDir, `${name}.conf`);
}

function trouble(mode: Mode, seen: Omit<Look, 'running'>): string | undefined {
  const { host, port } = mode.place.http;
  const down = mode.down();
  if (down !== undefined) return down;
  if (seen.answer === undefined) return `nginx does not serve Berth's sites on ${host}:${port}`;
  if (seen.conf && seen.conf.onDisk !== seen.conf.text) return 'nginx.conf is not as Berth writes it';
  if (seen.answer.generation !== seen.generation)
    return 'nginx runs an older configuration than its files say';
  if (seen.shared !== sharedText(mode, seen.generation, seen.omit)) {
    return `${sharedName(mode.place.owner)}.conf is not as Berth writes it`;
  }
  return undefined;
}
