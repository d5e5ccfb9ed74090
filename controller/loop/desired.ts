/** The file at the config repo's head → what is desired. The last good commit stays in force while a newer one is wrong. */
import type { ConfigHead, ConfigRepo, Sources } from '../clients/types.ts';
import { messageOf, StalledError } from '../core/errors.ts';
import type { Desired, Problem } from '../core/types.ts';
import type { KeyedHash } from '../manifest/keyed-hash.ts';
import { type HeadOf, resolveDeployment } from '../manifest/resolve.ts';
import type { OpenSecrets } from '../manifest/sealed/secrets.ts';
import type { DeploymentEntry, Manifest, ManifestRules } from '../manifest/types.ts';
import type { LastGood } from './last-good.ts';
import type { Undecided } from './reconcile.ts';

export interface DesiredOptions {
  readonly repo: Pick<ConfigRepo, 'head' | 'treeOf' | 'trouble'>;
  readonly sources: Pick<Sources, 'head' | 'keepOnly'>;
  readonly read: (
    blob: string,
    bytes: Uint8Array,
    rules: ManifestRules,
  ) => Promise<{ readonly manifest?: Manifest; readonly problems: readonly Problem[] }>;
  readonly rules: ManifestRules;
  readonly secrets: OpenSecrets;
  readonly hash: KeyedHash;
  readonly lastGood: LastGood;
}

interface InForce {
  readonly commit: string;
  readonly manifest: Manifest;
  readonly problems: readonly Problem[];
}

/** Makes the reader of what is desired; while no good file was ever seen, it says why. */
export function createDesiredReader(
  options: DesiredOptions,
): (signal: AbortSignal) => Promise<Desired | Undecided> {
  let known: InForce | undefined;
  return async (signal) => {
    const found = await inForce(options, known, signal);
    if (!('commit' in found)) return found;
    known = found;
    return resolve(options, withTrouble(options.repo, known));
  };
}

/** A remote that can't be asked is told of, although what is known of it stays in force. */
function withTrouble({ trouble }: Pick<ConfigRepo, 'trouble'>, found: InForce): InForce {
  if (trouble === undefined || found.problems.some(({ message }) => message === trouble)) return found;
  const message = `${trouble} (commit ${found.commit.slice(0, 7)} stays in force)`;
  return { ...found, problems: [{ deployment: '', message }, ...found.problems] };
}

async function inForce(
  options: DesiredOptions,
  known: InForce | undefined,
  signal: AbortSignal,
): Promise<InForce | Undecided> {
  const { repo, read, rules, lastGood } = options;
  let head: ConfigHead;
  try {
    head = await repo.head(signal);
  } catch (error) {
    return fallBack(options, known, [{ deployment: '', message: messageOf(error) }]);
  }
  if ('missing' in head.file)
    return fallBack(options, known, [{ deployment: '', message: `${rules.file}: ${head.file.missing}` }]);
  const { blob, bytes } = head.file;
  const { manifest, problems } = await read(blob, bytes, rules);
  if (!manifest) return fallBack(options, known, problems);
  const { commit } = head;
  try {
    await lastGood.keep({ commit, blob, bytes });
  } catch (error) {
    // A full disk must not keep a good commit from taking effect; the next pass tries again.
    const message = `the file of ${commit.slice(0, 7)} could not be kept for bad days: ${messageOf(error)}`;
    return { commit, manifest, problems: [...problems, { deployment: '', message }] };
  }
  return { commit, manifest, problems };
}

/** The newest good file that is known, with the reasons why a newer one is not in force. */
async function fallBack(
  { lastGood, read, rules }: DesiredOptions,
  known: InForce | undefined,
  problems: readonly Problem[],
): Promise<InForce | Undecided> {
  if (known) return { ...known, problems: [...problems, ...ofEntries(known.problems)] };
  const kept = await lastGood.read();
  if (!kept) return { problems };
  const again = await read(kept.blob, kept.bytes, rules);
  if (!again.manifest) return { problems };
  return {
    commit: kept.commit,
    manifest: again.manifest,
    problems: [...problems, ...ofEntries(again.problems)],
  };
}

function ofEntries(problems: readonly Problem[]): readonly Problem[] {
  return problems.filter(({ deployment }) => deployment !== '');
}

async function resolve(options: DesiredOptions, { commit, manifest, problems }: InForce): Promise<Desired> {
  const trees = await ownTrees(options, commit, manifest.deployments);
  const headOf: HeadOf = (service) => {
    const { source, path } = service;
    if (source.kind === 'image') return { state: 'known', commit: '', tree: '' };
    if (source.repo !== '.') return options.sources.head({ repo: source.repo, ref: source.ref, path });
    const tree = trees.get(path);
    if (tree !== undefined) return { state: 'known', commit, tree };
    const message = `there is no directory ${path} in the config repo at ${commit.slice(0, 7)}: commit it, or correct \`path\``;
    return { state: 'failed', error: new StalledError(message) };
  };
  await options.sources.keepOnly(reposOf(manifest.deployments));
  const opened = await options.secrets(manifest);
  return {
    commit,
    deployments: opened.deployments.map((entry) => resolveDeployment(entry, headOf, options.hash)),
    stalled: new Set([...manifest.stalled, ...opened.problems.map(({ deployment }) => deployment)]),
    problems: [...problems, ...opened.problems],
  };
}

function reposOf(deployments: readonly DeploymentEntry[]): ReadonlySet<string> {
  const sources = deployments.flatMap(({ services }) => services.map(({ source }) => source));
  return new Set(sources.flatMap((source) => (source.kind === 'repo' ? [source.repo] : [])));
}

/** Trees of the config repo's own directories that services name with `repo: .`. */
async function ownTrees(
  { repo }: DesiredOptions,
  commit: string,
  deployments: readonly DeploymentEntry[],
): Promise<ReadonlyMap<string, string>> {
  const own = deployments.flatMap(({ services }) =>
    services.filter(({ source }) => source.kind === 'repo' && source.repo === '.').map(({ path }) => path),
  );
  const trees = new Map<string, string>();
  for (const path of new Set(own)) {
    const tree = await repo.treeOf(commit, path);
    if (tree !== undefined) trees.set(path, tree);
  }
  return trees;
}
