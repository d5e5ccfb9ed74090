/**
 * Rules of the tunnel: which of them are ours, and where ours stand. A rule has no place for an owner, so it is known by
 * its row in the state file, or by our DNS record of its hostname together with the very service that we would write.
 */
import type { IngressRule } from '../clients/cloudflare/types.ts';

/** What makes a rule ours: the state file names its hostname, or only the record of that hostname is ours. */
export type Claim = 'row' | 'record';

export interface HostRules {
  /** Ours. The first is the one that stays. */
  readonly own: readonly IngressRule[];
  readonly foreign: readonly IngressRule[];
}

/** Tells the rules of one hostname apart. Without a claim all are foreign, and so is any with a path. */
export function rulesOf(
  rules: readonly IngressRule[],
  hostname: string,
  { claim, service }: { readonly claim: Claim | undefined; readonly service: string },
): HostRules {
  const all = rules.filter((rule) => hostOf(rule) === hostname);
  const plain = all.filter(({ path }) => !path);
  const exact = plain.filter((rule) => rule.service === service);
  // What was made by us and leads elsewhere now was changed by hand, unless what we made is there beside it.
  const changed = claim === 'row' && exact.length === 0 ? plain.slice(0, 1) : [];
  const own = claim === undefined ? [] : [...exact, ...changed];
  return { own, foreign: all.filter((rule) => !own.includes(rule)) };
}

/** The hostname of a rule, lower case; empty for one that takes every hostname, as `*` does too. */
export function hostOf({ hostname = '' }: IngressRule): string {
  return hostname === '*' ? '' : hostname.toLowerCase();
}

/** Whether the connector, which takes the first rule that fits, may end at this one although it does not name the hostname. */
export function catches(rule: IngressRule, hostname: string): boolean {
  const host = hostOf(rule);
  return host === '' || (host.startsWith('*.') && hostname.endsWith(host.slice(1)));
}

export interface RuleChange {
  readonly hostname: string;
  /** `put`: there is to be one rule of ours, and it leads to the service. */
  readonly do: 'put' | 'remove';
  readonly claim: Claim;
}

export interface ChangedRules {
  readonly rules: readonly IngressRule[];
  /** Changes that were not made, by hostname: a foreign rule stands in the way. */
  readonly blocked: ReadonlyMap<string, IngressRule>;
}

/** Makes the changes. Foreign rules stay as they are, in their order; what is there already is left in its place. */
export function changeRules(
  rules: readonly IngressRule[],
  changes: readonly RuleChange[],
  service: string,
): ChangedRules {
  const blocked = new Map<string, IngressRule>();
  let now = rules;
  for (const change of changes) {
    const { own, foreign } = rulesOf(now, change.hostname, { claim: change.claim, service });
    const [keep] = own;
    const [obstacle] = foreign;
    if (change.do === 'remove') now = without(now, own);
    else if (!keep && obstacle) blocked.set(change.hostname, obstacle);
    else now = put(without(now, own.slice(1)), keep, { hostname: change.hostname, service });
  }
  return { rules: now, blocked };
}

function without(rules: readonly IngressRule[], gone: readonly IngressRule[]): readonly IngressRule[] {
  return gone.length === 0 ? rules : rules.filter((rule) => !gone.includes(rule));
}

/** In its place where it is reached there, else before the first rule that would catch its hostname. */
function put(
  rules: readonly IngressRule[],
  keep: IngressRule | undefined,
  made: { readonly hostname: string; readonly service: string },
): readonly IngressRule[] {
  const rule = keep ? { ...keep, service: made.service } : made;
  const index = keep ? rules.indexOf(keep) : -1;
  const found = rules.findIndex((other) => catches(other, made.hostname));
  const first = found < 0 ? rules.length : found;
  if (index < 0) return rules.toSpliced(first, 0, rule);
  if (index > first) return rules.toSpliced(index, 1).toSpliced(first, 0, rule);
  return keep?.service === made.service ? rules : rules.with(index, rule);
}
