/**
 * What a webhook tells is only a hint where to look: the repo is asked itself, and what it says counts. A push that
 * nothing here follows is ignored.
 */
import { repoPlace, samePlace } from '../clients/git/repo-place.ts';
import type { ConfigRepo, SourceRef, Sources } from '../clients/types.ts';
import { messageOf } from '../core/errors.ts';
import type { Log } from '../log.ts';
import { createLookout, type Lookout, type LookoutOptions, type Pause } from './lookout.ts';

/** A push as somebody told of it; nothing of it is believed. */
export interface PushHint {
  /** As `repoPlace` writes it; only `/owner/name` where the host is not told. */
  readonly place: string;
  /** `refs/heads/…` or `refs/tags/…`. */
  readonly ref: string;
  /** What the ref stands at now, 40 hex digits; all 0: the ref is gone. */
  readonly after: string;
  readonly defaultBranch?: string;
}

export interface Hints {
  /** Never waits and never throws. */
  push(hint: PushHint): void;
}

export interface HintOptions {
  readonly config: Pick<ConfigRepo, 'head' | 'poll'>;
  /** Address or path of the config repo, and its branch. */
  readonly configRepo: string;
  readonly configBranch: string;
  readonly sources: Pick<Sources, 'inUse' | 'saw' | 'poll'>;
  readonly poke: (trigger: string) => void;
  readonly log: Log;
  readonly pause?: Pause;
}

/** Asks nothing before the first push; ends with the signal. */
export function createHints(options: HintOptions, signal: AbortSignal): Hints {
  const { log, pause } = options;
  const lookouts = new Map<string, Lookout>();
  const lookoutOf = ({ name, look, saw }: Target): Lookout => {
    const onLost = (commits: readonly string[]): void =>
      log.info(`${commits.map(short).join(', ')} of ${name} can not be seen there yet: left to the poll`);
    const known = lookouts.get(name);
    const lookout = known ?? createLookout({ look, saw, onLost, ...(pause && { pause }) }, signal);
    lookouts.set(name, lookout);
    return lookout;
  };
  return {
    push(hint) {
      const targets = isGone(hint.after) ? [] : targetsOf(hint, options, signal);
      if (targets.length === 0)
        log.debug(`a push to ${hint.ref} of ${hint.place} is ignored: nothing follows it`);
      for (const target of targets) lookoutOf(target).expect(hint.ref, hint.after);
    },
  };
}

/** A repo that is looked at. */
interface Target extends Pick<LookoutOptions, 'look' | 'saw'> {
  readonly name: string;
}

/** The config repo may be the repo of an app too, and is then looked at as both. */
function targetsOf(hint: PushHint, options: HintOptions, signal: AbortSignal): readonly Target[] {
  const targets = new Map<string, Target>();
  const { configRepo, configBranch, sources } = options;
  const config = repoPlace(configRepo);
  if (config && samePlace(config, hint.place) && hint.ref === `refs/heads/${configBranch}`)
    targets.set('config', configTarget(options, signal));
  for (const { repo, refs } of sources.inUse()) {
    const place = repoPlace(repo);
    if (!place || !samePlace(place, hint.place) || !refs.some((ref) => follows(ref, hint))) continue;
    targets.set(place, sourceTarget(options, repo, place));
  }
  return [...targets.values()];
}

function configTarget({ config, poke }: HintOptions, signal: AbortSignal): Target {
  let head: string | undefined;
  return {
    name: 'the config repo',
    look: async () => {
      try {
        await config.poll(signal);
        head = (await config.head(signal)).commit;
      } catch {
        // A config repo that can't be asked is among the problems of every pass until it can.
        head = undefined;
      }
      poke('webhook');
    },
    saw: (commit) => commit === head,
  };
}

/** The sources poke by themselves when a look brings anything new. */
function sourceTarget({ sources, log }: HintOptions, repo: string, name: string): Target {
  return {
    name,
    look: () => sources.poll(repo).catch((error: unknown) => log.warn(messageOf(error))),
    saw: (commit) => sources.saw(repo, commit),
  };
}

/** Without branch and tag, a service follows the default branch; where that is not told, any may be it. */
function follows({ branch, tag, commit }: SourceRef, { ref, defaultBranch }: PushHint): boolean {
  if (commit !== undefined) return false;
  if (tag !== undefined) return ref === `refs/tags/${tag}`;
  const followed = branch ?? defaultBranch;
  return followed === undefined ? ref.startsWith('refs/heads/') : ref === `refs/heads/${followed}`;
}

function isGone(oid: string): boolean {
  return /^0+$/.test(oid);
}

function short(oid: string): string {
  return oid.slice(0, 7);
}
