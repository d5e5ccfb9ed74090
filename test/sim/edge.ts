/**
 * Cloudflare in the small world: one account with a zone, a tunnel and its rules, under other people's hands as well.
 * It stands behind the contract of the client, which has its own stand-in for the wire.
 */
import { isInTheWay } from '../../controller/clients/cloudflare/in-the-way.ts';
import type { DnsRecord, Edge, EdgeView, IngressRule } from '../../controller/clients/cloudflare/types.ts';
import { TransientError } from '../../controller/core/errors.ts';
import type { Step } from '../../controller/core/step.ts';
import { isOurRecord, isOurRule } from './edge-ours.ts';
import type { Outside } from './world.ts';

/** A write took place, and nobody was told. */
export class LostAnswer extends TransientError {}

export interface EdgeWorld {
  tunnel: { readonly id: string; readonly name: string } | undefined;
  records: readonly DnsRecord[];
  /** The tunnel's document; the catch-all is the last. */
  rules: readonly IngressRule[];
  /** Of the next record or tunnel. */
  nextId: number;
  /** Until then nothing can be asked. */
  blindUntilMs: number;
  /** Somebody writes this into the document between the next read and write of it. */
  racer: IngressRule | undefined;
  /** What racers wrote: it has to stay. */
  raced: readonly IngressRule[];
}

export const ZONE = { id: 'z1', name: 'example.com' } as const;

/** As every connector must end. */
export const CATCH_ALL: IngressRule = { service: 'http_status:404' };

/** An account with its zone, and nothing else yet. */
export function newEdge(): EdgeWorld {
  return {
    ...{
      tunnel: undefined,
      records: [],
      rules: [CATCH_ALL],
      nextId: 1,
      blindUntilMs: 0,
      racer: undefined,
      raced: [],
    },
  };
}

/** The client of one controller's life; a view that a lost answer spoilt is good again once the clock has moved. */
export function edgeIn(outside: Outside, step: Step): Edge {
  let doubtMs = -1;
  const act = async (label: string, effect: () => void): Promise<void> => {
    try {
      await step(`edge.${label}`, async () => effect());
    } catch (error) {
      if (error instanceof LostAnswer) doubtMs = outside.nowMs;
      throw error;
    }
  };
  const seen = (): void => {
    if (outside.nowMs <= Math.max(doubtMs, outside.edge.blindUntilMs))
      throw new TransientError('cloudflare can not be asked');
  };
  return {
    view: (): EdgeView => {
      seen();
      const { records, rules, tunnel } = outside.edge;
      return { zones: [ZONE], records, rules: tunnel ? rules : [], ...(tunnel && { tunnel }) };
    },
    settle: async () => {},
    connectorToken: () => ({ state: 'pending' }),
    close: () => {},
    createTunnel: () =>
      act('createTunnel', () => {
        outside.edge.tunnel ??= { id: `t${nextId(outside)}`, name: 'sim' };
      }),
    createRecord: (want) => act(`createRecord ${want.name}`, () => createRecord(outside, want)),
    updateRecord: (id, comment, want) =>
      act(`updateRecord ${want.name}`, () => {
        checkComment(outside, id, comment);
        replace(outside, id, { ...want, id, type: 'CNAME', proxied: true });
      }),
    deleteRecord: ({ id, comment }) => {
      const name = outside.edge.records.find((record) => record.id === id)?.name;
      return act(`deleteRecord ${name}`, () => {
        if (!outside.edge.records.some((record) => record.id === id)) return;
        checkComment(outside, id, comment);
        if (outside.edge.rules.some((rule) => rule.hostname === name && isOurRule(outside, rule)))
          outside.lost.push(`the record of ${name} went before its route`);
        replace(outside, id, undefined);
      });
    },
    async editRules(edit) {
      const { tunnel, rules } = outside.edge;
      if (!tunnel) throw new TransientError('there is no such tunnel');
      const changed = edit(rules.slice(0, -1));
      if (same(changed, rules.slice(0, -1))) return;
      const gone = hostsOf(rules).filter((host) => !hostsOf(changed).includes(host));
      await act(`editRules ${gone.join(' ')}`, () => {
        const before = race(outside);
        const after = before === rules ? changed : edit(before.slice(0, -1));
        for (const host of hostsOf(after))
          if (!hostsOf(before).includes(host) && !hasRecord(outside, host))
            outside.lost.push(`the route of ${host} came before its record`);
        outside.edge.rules = [...after, CATCH_ALL];
      });
    },
  };
}

function nextId({ edge }: Outside): number {
  edge.nextId += 1;
  return edge.nextId;
}

function createRecord(outside: Outside, want: Parameters<Edge['createRecord']>[0]): void {
  const there = outside.edge.records.filter(({ name }) => name === want.name);
  const own = there.find(({ comment }) => comment === want.comment);
  if (own) {
    replace(outside, own.id, { ...want, id: own.id, type: 'CNAME', proxied: true });
    return;
  }
  if (there.some((record) => isInTheWay(record, ZONE.name)))
    throw new TransientError(`81053: a record of ${want.name} exists`);
  const made: DnsRecord = { ...want, id: `r${nextId(outside)}`, type: 'CNAME', proxied: true };
  outside.edge.records = [...outside.edge.records, made];
}

function checkComment({ edge }: Outside, id: string, comment: string): void {
  const found = edge.records.find((record) => record.id === id);
  if (found?.comment !== comment) throw new TransientError(`record ${id} is not as it was`);
}

function replace({ edge }: Outside, id: string, by: DnsRecord | undefined): void {
  edge.records = edge.records.flatMap((record) => (record.id !== id ? [record] : by ? [by] : []));
}

function hostsOf(rules: readonly IngressRule[]): readonly string[] {
  return rules.flatMap(({ hostname }) => hostname ?? []);
}

function hasRecord({ edge }: Outside, host: string): boolean {
  return edge.records.some((record) => record.name === host && isOurRecord(record));
}

/** The document as it is when it is written: as it was read, but for what somebody else wrote meanwhile. */
function race({ edge }: Outside): readonly IngressRule[] {
  const { racer } = edge;
  if (!racer) return edge.rules;
  edge.racer = undefined;
  edge.raced = [...edge.raced, racer];
  return [racer, ...edge.rules];
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
