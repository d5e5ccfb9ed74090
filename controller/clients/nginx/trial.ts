/** Tries a set of changes beside the files in force, and sorts out by nginx's own words what it refuses. */
import { StalledError, TransientError } from '../../core/errors.ts';
import type { SiteChange } from '../types.ts';
import { blamedIn, type Result, reasonOf, runNginx } from './command.ts';
import { type Omission, sharedName } from './config.ts';
import { type DiskFile, type DiskFiles, stage } from './files.ts';
import { generationFor, type Look, sharedText } from './look.ts';
import type { Mode } from './mode.ts';
import { takenPorts } from './screen.ts';

export interface Attempt {
  readonly mode: Mode;
  readonly before: Look;
  readonly changes: readonly SiteChange[];
  /** Told of each change that is given up. */
  readonly refuse: (name: string, error: Error) => void;
}

/**
 * The changes that nginx accepts, laid out in the staging directory. Where nginx is down, our own files that would keep
 * it from starting are among them as removals: one bad file must not stop every site.
 * Throws TransientError when the fault is in a file that is not to be changed.
 */
export async function settle(attempt: Attempt, omit: ReadonlySet<Omission>): Promise<readonly SiteChange[]> {
  const { mode, before, refuse } = attempt;
  const down = mode.down() !== undefined && before.answer === undefined;
  let left = [...attempt.changes, ...(down ? await unstartable(attempt) : [])];
  for (;;) {
    const candidate = { mode, before, files: changed(before.files, left), omit };
    const { ok, words } = await trial(candidate);
    if (ok) return left;
    const blamed = blamedIn(words) ?? '';
    const refused = left.some(({ name }) => name === blamed)
      ? new Map([[blamed, words]])
      : await refusedAlone(candidate, left);
    for (const [name, why] of refused) {
      refuse(name, new StalledError(`nginx refuses the site ${name}: ${reasonOf(why)}`));
    }
    left = left.filter(({ name }) => !refused.has(name));
    if (refused.size > 0) continue;
    if (!down || !candidate.files.get(blamed)?.ours) throw await fault(candidate, words);
    left = [...left, setAside(blamed, reasonOf(words), mode)];
  }
}

/** What nginx finds only when it puts all together it blames on the end of `nginx.conf`: then each is tried by itself. */
async function refusedAlone(
  candidate: Candidate,
  changes: readonly SiteChange[],
): Promise<ReadonlyMap<string, string>> {
  const refused = new Map<string, string>();
  const base = candidate.before.files;
  if (!(await trial({ ...candidate, files: base })).ok) return refused;
  for (const change of changes) {
    const { ok, words } = await trial({ ...candidate, files: changed(base, [change]) });
    if (!ok) refused.set(change.name, words);
  }
  return refused;
}

/** The files after the changes. */
export function changed(files: DiskFiles, changes: readonly SiteChange[]): DiskFiles {
  const after = new Map<string, DiskFile>(files);
  for (const { name, text } of changes) {
    if (text === undefined) after.delete(name);
    else after.set(name, { text, ours: true });
  }
  return after;
}

interface Candidate {
  readonly mode: Mode;
  readonly before: Look;
  readonly files: DiskFiles;
  readonly omit: ReadonlySet<Omission>;
}

async function trial({ mode, before, files, omit }: Candidate): Promise<Result> {
  const { layout, place } = mode;
  const generation = generationFor(mode, files, before.conf?.text);
  const counted = [...files].filter(([, { ours }]) => ours || mode.foreignCounts);
  const sites = new Map(counted.map(([name, { text }]) => [name, text]));
  sites.set(sharedName(place.owner), sharedText(mode, generation, omit));
  const conf = await mode.trialConf();
  await place.step('nginx.stage', async () => {
    await mode.ready();
    await stage(layout, { conf, sites });
  });
  return runNginx(['-t', '-q', '-p', layout.stagingDir, '-c', `${layout.stagingDir}/nginx.conf`]);
}

/** Ours alone tells whose fault it is. */
async function fault(candidate: Candidate, words: string): Promise<TransientError> {
  const ours = new Map([...candidate.files].filter(([, file]) => file.ours));
  const foreign = [...candidate.files.keys()].filter((name) => !ours.has(name));
  if (foreign.length > 0 && (await trial({ ...candidate, files: ours })).ok) {
    const blamed = blamedIn(words) ?? '';
    const named = foreign.includes(blamed) ? blamed : foreign.join('.conf, ');
    return new TransientError(
      `${named}.conf, which is not Berth's, keeps nginx from any change: mend or remove it (${reasonOf(words)})`,
    );
  }
  return new TransientError(`nginx refuses the files that it has, so nothing can change: ${reasonOf(words)}`);
}

async function unstartable({ mode, before, changes }: Attempt): Promise<readonly SiteChange[]> {
  const others = [...before.files].filter(
    ([name, { ours }]) => ours && !changes.some((change) => change.name === name),
  );
  const found = await Promise.all(
    others.map(async ([name, { text }]) => {
      const [taken] = await takenPorts(text, mode.place.http);
      return taken === undefined ? [] : [setAside(name, `another process has ${taken}`, mode)];
    }),
  );
  return found.flat();
}

function setAside(name: string, why: string, mode: Mode): SiteChange {
  mode.place.log?.(`site ${name} is taken out, so that nginx can start: ${why}`);
  return { name };
}
