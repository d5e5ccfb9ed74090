/**
 * The way of a visitor, link by link: DNS record → tunnel route → connector → vhost → port → container → health. It is
 * told from what a pass saw and what it would change, so that it never says other than `plan`. Pure.
 */
import type { Route } from '../core/types.ts';
import { readServerNames } from '../kinds/vhost-text.ts';
import { OWN } from '../manifest/names.ts';
import { connectorLink, type EdgeFacts, recordLink, routeLink } from './chain-edge.ts';
import { containerLink, healthLink, portLink, vhostLink } from './chain-inside.ts';
import type { Link, LinkName } from './chain-link.ts';
import type { Report } from './reconcile.ts';

export interface ChainFacts {
  /** Absent: Cloudflare is off, so nobody beyond this machine's own network finds it. */
  readonly edge?: EdgeFacts;
}

export interface HostChain {
  readonly hostname: string;
  /** In order; of several routes each has its own from the vhost on. */
  readonly links: readonly Link[];
  /** The first that is broken. */
  readonly broken?: Link;
}

export interface Chain {
  readonly deployment: string;
  /** What is wrong with its entry: what runs of it stays as it is. */
  readonly problem?: string;
  readonly hosts: readonly HostChain[];
}

/** Every hostname of a deployment, or of what the controller serves itself; undefined where there is none of that name. */
export function chainOf(name: string, report: Report, facts: ChainFacts): Chain | undefined {
  const subject = subjectOf(name, report);
  if (!subject) return undefined;
  const problem = report.problems.find(({ deployment }) => deployment === name)?.message;
  return {
    deployment: name,
    ...(problem !== undefined && { problem }),
    hosts: subject.hostnames.map((hostname) => follow(hostname, name, { subject, report, facts })),
  };
}

/** Names that `chainOf` knows, sorted. */
export function chainNames({ desired }: Report): readonly string[] {
  const own = desired?.ownVhosts?.map(({ deployment }) => deployment) ?? [];
  const entries = desired?.deployments.map(({ name }) => name) ?? [];
  return [...entries, ...(desired?.stalled ?? []), ...own].filter((name) => name !== OWN.tunnel).sort();
}

/** The same with one more link at its end; it is `broken` now if nothing before it is. */
export function withLink({ hostname, links }: HostChain, link: Link): HostChain {
  return hostChain(hostname, [...links, link]);
}

interface Subject {
  readonly hostnames: readonly string[];
  readonly routes: readonly Pick<Route, 'prefix' | 'service'>[];
  /** Nothing runs of it, by its own entry. */
  readonly suspended: boolean;
  /** It leads to the controller itself, not to an instance. */
  readonly own: boolean;
}

function subjectOf(name: string, { desired, observed }: Report): Subject | undefined {
  const entry = name === OWN.tunnel ? undefined : desired?.deployments.find((one) => one.name === name);
  if (entry) return { ...entry, suspended: entry.suspend, own: false };
  const own = desired?.ownVhosts?.find(({ deployment }) => deployment === name);
  if (own) return { ...own, own: true };
  if (!desired?.stalled.has(name)) return undefined;
  // Its entry can't be read, so its vhost is asked what it serves.
  const vhost = 'uncertain' in observed.vhost ? undefined : observed.vhost.find(({ key }) => key === name);
  const routes = Object.keys(vhost?.serves ?? {}).map((service) => ({ prefix: `(${service})`, service }));
  return { hostnames: readServerNames(vhost?.text ?? ''), routes, suspended: false, own: false };
}

interface Scene {
  readonly subject: Subject;
  readonly report: Report;
  readonly facts: ChainFacts;
}

function follow(hostname: string, name: string, { subject, report, facts }: Scene): HostChain {
  const outside = chained([
    ['dns record', () => recordLink(hostname, report, facts.edge)],
    ['tunnel route', () => routeLink(hostname, report, facts.edge)],
    ['connector', () => connectorLink(hostname, report, facts.edge)],
  ]);
  const reached = outside.every(({ ok }) => ok);
  const { routes } = subject;
  const inside = routes.flatMap((route) =>
    chained(insideLooks(name, route.service, { subject, report, facts }), reached).map((link) =>
      routes.length > 1 ? { ...link, route: route.prefix } : link,
    ),
  );
  return hostChain(hostname, [...outside, ...inside]);
}

type Look = readonly [link: LinkName, look: () => Omit<Link, 'link'>];

function insideLooks(name: string, service: string, { subject, report }: Scene): readonly Look[] {
  const at = { name, service, suspended: subject.suspended };
  const vhost: Look = ['vhost', () => vhostLink(at, report)];
  // What stands behind them is no instance, or is down because the entry says so.
  if (subject.own || subject.suspended) return [vhost];
  return [
    vhost,
    ['port', () => portLink(at, report)],
    ['container', () => containerLink(at, report)],
    ['health', () => healthLink(at, report)],
  ];
}

/** What stands behind a broken link is not looked at: it would only tell of the same thing in other words. */
function chained(looks: readonly Look[], reached = true): readonly Link[] {
  let goesOn = reached;
  return looks.map(([link, look]) => {
    if (!goesOn) return { link, ok: false, found: 'not reached', reached: false };
    const told = { link, ...look() };
    goesOn = told.ok;
    return told;
  });
}

function hostChain(hostname: string, links: readonly Link[]): HostChain {
  const broken = links.find(({ ok, reached }) => !ok && reached !== false);
  return { hostname, links, ...(broken && { broken }) };
}
