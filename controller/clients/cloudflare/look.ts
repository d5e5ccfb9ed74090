/**
 * One look at everything: a list of records for each zone and one read of the tunnel's document. The account, the zones
 * and the tunnel are remembered and asked for anew every ten minutes, when something is missing, or when a call finds
 * nothing where they said. Of the zones that hold nothing of ours, the one listed longest ago comes along, and each
 * every ten minutes.
 */
import PQueue from 'p-queue';
import type { Api } from './api.ts';
import { listRecords } from './dns-calls.ts';
import { isMissing } from './errors.ts';
import { findPlace, type Place, type PlaceOptions } from './place.ts';
import { ingressOf } from './shapes.ts';
import { getDocument } from './tunnel-calls.ts';
import type { DnsRecord, EdgeView, Tunnel, Zone } from './types.ts';

export interface LookerOptions extends PlaceOptions {
  readonly api: Api;
  /** Begins the comments of our records. */
  readonly mark: string;
  readonly now: () => number;
}

export interface Looker {
  /** `prior` is what is known, our own writes since the last look among it; without it every zone is listed. */
  look(prior: EdgeView | undefined): Promise<EdgeView>;
  /** Id of the account, once a look has told. */
  readonly account: string | undefined;
  /** Something was not where it was: the next look asks for all of it. */
  forget(): void;
  /** A tunnel that was just made. */
  learn(tunnel: Tunnel): void;
}

const RARE_MS = 10 * 60_000;
/** Lists under way at once. */
const WIDTH = 4;

/** Asks nothing before the first look. */
export function createLooker(options: LookerOptions): Looker {
  const { api, now } = options;
  const listedAt = new Map<string, number>();
  let place: Place | undefined;
  let askedAt = 0;

  const remembered = (): Place | undefined => {
    const whole = place?.tunnel !== undefined && place.zones.length > 0;
    return whole && now() - askedAt < RARE_MS ? place : undefined;
  };
  const ask = async (): Promise<Place> => {
    const at = now();
    const found = await findPlace(api, options);
    askedAt = at;
    place = found;
    return found;
  };

  const seeAll = async (where: Place, prior: EdgeView | undefined): Promise<EdgeView> => {
    const { account, zones, tunnel } = where;
    const records = new Map<string, readonly DnsRecord[]>(zones.map(({ id }) => [id, recordsIn(prior, id)]));
    const due = prior ? zonesDue(zones, records, { listedAt, now: now(), mark: options.mark }) : zones;
    const queue = new PQueue({ concurrency: WIDTH });
    const list = async (zone: Zone): Promise<void> => {
      const at = now();
      records.set(zone.id, await listRecords(api, zone));
      listedAt.set(zone.id, at);
    };
    try {
      const [document] = await Promise.all([
        tunnel && getDocument(api, account, tunnel),
        ...due.map((zone) => queue.add(() => list(zone))),
      ]);
      const rules = document ? ingressOf(document.config) : [];
      return { zones, records: inOrder([...records.values()].flat()), ...(tunnel && { tunnel }), rules };
    } finally {
      // After one failure the rest would be asked for nothing.
      queue.clear();
    }
  };

  return {
    get account() {
      return place?.account;
    },
    forget() {
      askedAt = Number.NEGATIVE_INFINITY;
    },
    learn(tunnel) {
      if (place) place = { ...place, tunnel };
    },
    async look(prior) {
      const known = remembered();
      if (!known) return seeAll(await ask(), prior);
      try {
        return await seeAll(known, prior);
      } catch (error) {
        if (!isMissing(error)) throw error;
        return seeAll(await ask(), prior);
      }
    },
  };
}

/** By name, so that the same records are the same view. */
export function inOrder(records: readonly DnsRecord[]): readonly DnsRecord[] {
  return records.toSorted((a, b) => (a.name === b.name ? compare(a.id, b.id) : compare(a.name, b.name)));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function recordsIn(view: EdgeView | undefined, zone: string): readonly DnsRecord[] {
  return view?.records.filter((record) => record.zone === zone) ?? [];
}

function zonesDue(
  zones: readonly Zone[],
  records: ReadonlyMap<string, readonly DnsRecord[]>,
  { listedAt, now, mark }: { listedAt: ReadonlyMap<string, number>; now: number; mark: string },
): readonly Zone[] {
  const age = ({ id }: Zone): number => now - (listedAt.get(id) ?? Number.NEGATIVE_INFINITY);
  const holdsOurs = ({ id }: Zone): boolean =>
    records.get(id)?.some(({ comment }) => comment.startsWith(mark)) ?? false;
  const idle = zones.filter((zone) => !holdsOurs(zone)).sort((a, b) => age(b) - age(a));
  const late = new Set(idle.filter((zone, index) => index === 0 || age(zone) >= RARE_MS));
  return zones.filter((zone) => holdsOurs(zone) || late.has(zone));
}
