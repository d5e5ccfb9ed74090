/**
 * Tunnel routes: for each public hostname one rule of the tunnel that leads to nginx. All changes of a pass are one
 * read-modify-write of the tunnel's document. The row in the state file that tells the rule's deployment is written
 * before the rule, and removed after it.
 */
import type { Edge, EdgeView, IngressRule } from '../clients/cloudflare/types.ts';
import { show } from '../clients/nginx/words.ts';
import type { State, Store } from '../clients/types.ts';
import { removal } from '../core/diff.ts';
import { TransientError } from '../core/errors.ts';
import type { Step } from '../core/step.ts';
import type { Action, Kind, Observed, Outcome, Wait, Wanted } from '../core/types.ts';
import { type EdgeSeen, edgeSeen, type RouteHave } from './edge-seen.ts';
import { ownedBy } from './mark.ts';
import { heldBy, obstacleTo, ruleText, shadowedBy } from './obstacle.ts';
import { type PublicHost, publicHosts } from './public-hosts.ts';
import type { Publish } from './publish.ts';
import { writeRows } from './route-rows.ts';
import { type Claim, catches, changeRules, hostOf, rulesOf } from './tunnel-rules.ts';

/** How the rule that is there was known as ours; absent where there is none. */
export interface RouteChange {
  readonly claim?: Claim;
}

export interface RouteClients {
  readonly edge: Pick<Edge, 'view' | 'editRules'>;
  readonly store: Store;
  readonly step: Step;
}

/** The kind `tunnel route`. */
export function tunnelRouteKind(clients: RouteClients, publish: Publish): Kind<RouteHave, RouteChange> {
  return {
    name: 'tunnel route',
    observe: async () => observe(clients.edge.view(), clients.store.state.routes, publish),
    diff: (wanted, observed) => diff(wanted, observed, publish),
    apply: (actions) => apply(actions, clients, publish),
  };
}

function observe(view: EdgeView, rows: State['routes'], { owner, service }: Publish): readonly RouteHave[] {
  const rowOf = new Map(Object.entries(rows));
  const markedFor = new Map<string, string>();
  for (const record of view.records) {
    const deployment = ownedBy(record, owner);
    if (deployment !== undefined) markedFor.set(record.name, deployment);
  }
  const named = view.rules.map(hostOf).filter((hostname) => hostname !== '');
  const hosts = new Set([...rowOf.keys(), ...named]);
  return [...hosts].flatMap((hostname) => {
    const row = rowOf.get(hostname);
    const deployment = row ?? markedFor.get(hostname);
    const claim = row !== undefined ? 'row' : deployment !== undefined ? 'record' : undefined;
    const { own, foreign } = rulesOf(view.rules, hostname, { claim, service });
    const [rule] = own;
    const ours = deployment !== undefined && (rule !== undefined || row !== undefined);
    const have = { key: hostname, hostname, copies: own.length, recorded: row !== undefined };
    const caughtBy = rule && view.rules.slice(0, view.rules.indexOf(rule)).find(before(hostname, own));
    return [
      ...(ours ? [{ ...have, deployment, ...(rule && { rule }), ...(caughtBy && { caughtBy }) }] : []),
      ...foreign.map((other, index) => ({
        ...{ key: `${hostname}#${index + 1}`, deployment: '', hostname, rule: other },
        ...{ copies: 0, recorded: false },
      })),
    ];
  });
}

/** Rules that take every visitor of a hostname; one with a path leaves the rest of them to the next. */
function before(hostname: string, own: readonly IngressRule[]): (rule: IngressRule) => boolean {
  return (rule) =>
    catches(rule, hostname) || (hostOf(rule) === hostname && !rule.path && !own.includes(rule));
}

function diff(wanted: Wanted, observed: Observed, publish: Publish): readonly Action<RouteChange>[] {
  const seen = edgeSeen(observed);
  if (!seen) return [];
  const hosts = publicHosts(wanted);
  const names = new Set(hosts.map(({ hostname }) => hostname));
  const ours = (observed['tunnel route'] as readonly RouteHave[]).filter(
    ({ deployment }) => deployment !== '',
  );
  const removals = ours
    .filter(({ key }) => !names.has(key))
    .flatMap((have) =>
      removal('tunnel route', have, wanted).map((action) => ({ ...action, want: changeOf(have) })),
    );
  return [...hosts.flatMap((host) => make(host, seen, wanted, publish)), ...removals];
}

function make(
  host: PublicHost,
  seen: EdgeSeen,
  wanted: Wanted,
  { owner, service }: Publish,
): readonly Action<RouteChange>[] {
  const { hostname, deployment } = host;
  const base = { kind: 'tunnel route', key: hostname, deployment };
  const have = seen.routesOf(hostname).find(({ key }) => key === hostname);
  const held = have && heldBy(have, deployment, wanted);
  if (!have?.rule) {
    const why = have ? 'the tunnel has no rule for it any more' : `leads to ${service}`;
    const wait = held ?? obstacleTo(host, seen, owner);
    return [{ ...base, verb: 'create', why, want: {}, ...(wait && { wait }) }];
  }
  const why = differences(have, have.rule, deployment, service);
  if (why === '') return [];
  const wait = held ?? shadow(have);
  return [{ ...base, verb: 'update', why, want: changeOf(have), ...(wait && { wait }) }];
}

function differences(have: RouteHave, rule: IngressRule, deployment: string, service: string): string {
  const { copies, caughtBy, recorded } = have;
  return [
    have.deployment === deployment ? [] : [`it was of ${have.deployment}`],
    rule.service === service ? [] : [`it leads to ${show(rule.service)}, not to ${service}`],
    copies > 1 ? [`it is listed ${copies} times`] : [],
    caughtBy ? [`a rule ${ruleText(caughtBy)} stands before it`] : [],
    recorded ? [] : ['the state file has no row of it'],
  ]
    .flat()
    .join(', ');
}

/** Ours may be put before a rule for many hostnames; one for this very hostname is somebody's decision. */
function shadow({ hostname, caughtBy }: RouteHave): Wait | undefined {
  return caughtBy && hostOf(caughtBy) === hostname ? shadowedBy(hostname, caughtBy) : undefined;
}

function changeOf({ rule, recorded }: RouteHave): RouteChange {
  return rule ? { claim: recorded ? 'row' : 'record' } : {};
}

/** One write of the state file, one of the tunnel, and one of the state file; the last two only where there is need. */
async function apply(
  actions: readonly Action<RouteChange>[],
  { edge, store, step }: RouteClients,
  { service }: Publish,
): Promise<readonly Outcome[]> {
  const rows = new Map(
    actions.map(({ key, verb, deployment }) => [key, verb === 'delete' ? undefined : deployment]),
  );
  let blocked: ReadonlyMap<string, IngressRule> = new Map();
  try {
    await writeRows(new Map([...rows].filter(([, deployment]) => deployment !== undefined)), store, step);
    // A row whose rule is gone needs no tunnel to be forgotten.
    const changes = actions
      .filter(({ verb, want }) => verb !== 'delete' || want?.claim !== undefined)
      .map(({ key, verb, want }) => ({
        hostname: key,
        do: verb === 'delete' ? ('remove' as const) : ('put' as const),
        claim: want?.claim ?? ('record' as const),
      }));
    if (changes.length > 0)
      await edge.editRules((rules) => {
        const changed = changeRules(rules, changes, service);
        blocked = changed.blocked;
        return changed.rules;
      });
    const without = [...rows].filter(([key, deployment]) => deployment === undefined || blocked.has(key));
    await writeRows(new Map(without.map(([key]) => [key, undefined])), store, step);
  } catch (error) {
    return actions.map((action) => ({ action, error }));
  }
  return actions.map((action) => {
    const rule = blocked.get(action.key);
    if (!rule) return { action };
    const error = `a rule ${ruleText(rule)} came up in the tunnel just now and is not ours: remove it, or choose another hostname`;
    return { action, error: new TransientError(error) };
  });
}
