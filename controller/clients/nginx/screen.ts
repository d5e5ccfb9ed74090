/** Which changes may be tried at all: ours to make, really a change, and on ports that are to be had. */
import { StalledError, TransientError } from '../../core/errors.ts';
import type { SiteChange } from '../types.ts';
import { sharedName } from './config.ts';
import { type Look, sitesOf } from './look.ts';
import type { Mode } from './mode.ts';
import { isTaken, listensIn } from './ports.ts';
import { listenAddress, readHeader, show } from './words.ts';

/** The changes to try, and the error of each other one that is not simply done already. */
export async function screen(
  changes: readonly SiteChange[],
  before: Look,
  mode: Mode,
): Promise<{ readonly wanted: readonly SiteChange[]; readonly errors: Map<string, Error> }> {
  const errors = new Map<string, Error>();
  const wanted: SiteChange[] = [];
  for (const change of changes) {
    const error = refusal(change, before, mode.place.owner) ?? (await busyPort(change, before, mode));
    if (error !== undefined) errors.set(change.name, error);
    else if (before.files.get(change.name)?.text !== change.text) wanted.push(change);
  }
  return { wanted, errors };
}

/** The `listen` addresses in a site, but the one of all sites, that another process has; nginx has those of `held`. */
export async function takenPorts(
  text: string,
  http: Mode['place']['http'],
  held: readonly string[] = [],
): Promise<readonly string[]> {
  const ours = [listenAddress(http), ...held];
  const listens = new Set(listensIn(text).filter((address) => !ours.includes(address)));
  const taken = await Promise.all(
    [...listens].map(async (address) => ((await isTaken(address)) ? [address] : [])),
  );
  return taken.flat();
}

function refusal({ name, text }: SiteChange, before: Look, owner: string): StalledError | undefined {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name))
    return new StalledError(`${show(name)} is not a name for a site`);
  if (name === sharedName(owner)) {
    return new StalledError(`a site can't be named ${name}: Berth's own file has that name, choose another`);
  }
  const there = before.files.get(name);
  if (there && !there.ours) {
    return new StalledError(
      `${name}.conf was not written by this Berth and is left alone: move it away, or rename the deployment`,
    );
  }
  const header = text === undefined ? undefined : readHeader(text);
  if (text !== undefined && (header?.owner !== owner || header.deployment !== name)) {
    return new StalledError(
      `the text for ${name}.conf does not name its owner and deployment in its first line`,
    );
  }
  return undefined;
}

/** Nginx would drop all changes for one port that it can't have, so its site is told beforehand. */
async function busyPort(
  { name, text }: SiteChange,
  before: Look,
  mode: Mode,
): Promise<TransientError | undefined> {
  if (text === undefined || text === before.files.get(name)?.text) return undefined;
  const held = before.answer === undefined ? [] : [...sitesOf(before.files).values()].flatMap(listensIn);
  const [taken] = await takenPorts(text, mode.place.http, held);
  if (taken === undefined) return undefined;
  return new TransientError(
    `port ${taken} of ${name} is in use by another process: stop it or pin another port`,
  );
}
