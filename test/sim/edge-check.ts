/** What must hold at Cloudflare, in the small world: always, and at rest. */
import type { Desired } from '../../controller/core/types.ts';
import { CATCH_ALL } from './edge.ts';
import { isOurRecord, isOurRule, SERVICE } from './edge-ours.ts';
import type { Outside } from './world.ts';

/** Records and rules that are not ours, in their order; what racers wrote is looked at by `edgeAlways`. */
export function foreignEdge(outside: Outside): readonly unknown[] {
  const { records, rules, raced } = outside.edge;
  return [
    records.filter((record) => !isOurRecord(record)),
    rules.filter((rule) => !isOurRule(outside, rule) && !raced.includes(rule)),
  ];
}

/** Never wrong, at any moment. */
export function edgeAlways({ edge }: Outside): readonly string[] {
  const wrong: string[] = [];
  if (edge.rules.at(-1) !== CATCH_ALL) wrong.push('the catch-all is not the last rule');
  if (!edge.raced.every((rule) => edge.rules.includes(rule))) wrong.push('what a racer wrote is gone');
  return wrong;
}

/** At rest each hostname has one record and one route, unless somebody else is in the way; no other has any of ours. */
export function edgeAtRest(outside: Outside, desired: Desired): readonly string[] {
  const { edge, state } = outside;
  const wanted = new Map<string, string>();
  for (const { name, hostnames, routes } of desired.deployments)
    if (routes.length > 0) for (const host of hostnames) wanted.set(host, name);
  for (const { hostnames, deployment } of desired.ownVhosts ?? [])
    for (const host of hostnames) wanted.set(host, deployment);

  const records = edge.records.filter(isOurRecord);
  const rules = edge.rules.filter((rule) => isOurRule(outside, rule));
  const there = new Set([
    ...[...records.map(({ name }) => name), ...rules.map(({ hostname = '' }) => hostname)],
    ...Object.keys(state.routes),
  ]);
  const left = [...there].filter((host) => !wanted.has(host));
  return [
    ...left.map((host) => `something of ${host} is left at Cloudflare`),
    ...[...wanted]
      .filter(([host]) => !isInTheWay(outside, host))
      .flatMap(([host, deployment]) => wrongOf(outside, host, deployment)),
  ];
}

function isInTheWay(outside: Outside, host: string): boolean {
  const { records, rules } = outside.edge;
  return (
    records.some((record) => record.name === host && !isOurRecord(record)) ||
    rules.some((rule) => rule.hostname === host && !isOurRule(outside, rule))
  );
}

function wrongOf({ edge, state }: Outside, host: string, deployment: string): readonly string[] {
  const records = edge.records.filter(({ name }) => name === host);
  const rules = edge.rules.filter(({ hostname }) => hostname === host);
  const [record] = records;
  const right =
    records.length === 1 &&
    record?.content === `${edge.tunnel?.id}.cfargotunnel.com` &&
    record.proxied &&
    record.comment === `berth:sim/${deployment}`;
  const wild = edge.rules.findIndex(({ hostname = '' }) => hostname === '' || hostname.startsWith('*'));
  const [rule] = rules;
  const led = rules.length === 1 && rule?.service === SERVICE && edge.rules.indexOf(rule) < wild;
  return [
    ...(right ? [] : [`${host} has the records ${JSON.stringify(records)}`]),
    ...(led ? [] : [`${host} has the rules ${JSON.stringify(rules)}`]),
    ...(state.routes[host] === deployment ? [] : [`${host} has the row ${state.routes[host]}`]),
  ];
}
