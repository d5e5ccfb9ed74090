/** The links that lie at Cloudflare: DNS record, tunnel route, and the connector that joins this machine to the tunnel. */
import type { InstanceHave } from '../core/types.ts';
import type { RecordHave, RouteHave } from '../kinds/edge-seen.ts';
import { publicHosts } from '../kinds/public-hosts.ts';
import { OWN } from '../manifest/names.ts';
import { missing, plannedFor, type Told, unseen } from './chain-link.ts';
import type { Report } from './reconcile.ts';

export interface EdgeFacts {
  /** Who runs the connector: a person, or Berth. */
  readonly connector: 'off' | 'container';
  /** How many connections the tunnel has, as Cloudflare says; absent where that could not be asked. */
  readonly connections?: number;
}

const OFF: Told = { ok: true, found: 'Cloudflare is off: only this network finds the site' };

/** The record that leads visitors of a hostname to the tunnel. */
export function recordLink(hostname: string, report: Report, edge: EdgeFacts | undefined): Told {
  const have = seen<RecordHave>(report, 'dns record', hostname);
  return edgeLink({ kind: 'dns record', hostname, report, edge, found: have && foundRecord(have) });
}

/** The rule of the tunnel that leads them to nginx. */
export function routeLink(hostname: string, report: Report, edge: EdgeFacts | undefined): Told {
  const have = seen<RouteHave>(report, 'tunnel route', hostname);
  return edgeLink({
    kind: 'tunnel route',
    hostname,
    report,
    edge,
    found: have?.rule && `leads to ${have.rule.service}`,
  });
}

/** Whether anything joins this machine to the tunnel. */
export function connectorLink(hostname: string, report: Report, edge: EdgeFacts | undefined): Told {
  const away = notPublic(hostname, report, edge);
  if (away || !edge) return away ?? OFF;
  if (edge.connector === 'container') return ownConnector(report);
  const { connections } = edge;
  if (connections === undefined)
    return { ok: true, found: 'is run by you; whether it is connected could not be asked' };
  if (connections > 0) return { ok: true, found: `is run by you, with ${connections} connections` };
  return {
    ok: false,
    found: 'no cloudflared is connected to the tunnel',
    mend: 'run one (`berth doctor` tells the command), or set BERTH_CLOUDFLARED=container',
  };
}

interface EdgeLook {
  readonly kind: string;
  readonly hostname: string;
  readonly report: Report;
  readonly edge: EdgeFacts | undefined;
  /** What there is of ours, in words. */
  readonly found: string | undefined;
}

function edgeLink({ kind, hostname, report, edge, found }: EdgeLook): Told {
  const away = notPublic(hostname, report, edge);
  if (away) return away;
  const doubt = unseen(report, kind) ?? unseen(report, 'tunnel');
  if (doubt) return doubt;
  const planned = plannedFor(report, kind, hostname);
  if (planned) return planned;
  return found === undefined ? missing(report, ownerOf(hostname, report)) : { ok: true, found };
}

/** Names such as `blog.localhost` are of this machine, whatever Cloudflare knows. */
function notPublic(hostname: string, report: Report, edge: EdgeFacts | undefined): Told | undefined {
  if (!edge) return OFF;
  const { plan } = report;
  const wanted = plan && publicHosts(plan.wanted).some((host) => host.hostname === hostname);
  const known = wanted || seen(report, 'dns record', hostname) || seen(report, 'tunnel route', hostname);
  return known ? undefined : { ok: true, found: 'none: the name is of this network only' };
}

function ownConnector({ observed, plan }: Report): Told {
  if ('uncertain' in observed.instance)
    return { ok: false, found: `can't be told: ${observed.instance.uncertain}` };
  const haves = observed.instance.filter(({ deployment }) => deployment === OWN.tunnel);
  const ready = haves.find((have) => have.ready);
  if (ready) return { ok: true, found: `${ready.key} is connected` };
  const verdict = plan?.wanted.verdicts.get(OWN.tunnel);
  const found = haves[0] ? stateOf(haves[0]) : 'is not there';
  return { ok: false, found, mend: verdict?.error ?? `wait: ${verdict?.stage ?? 'it is being started'}` };
}

function stateOf({ key, state, detail }: InstanceHave): string {
  return `${key} is ${state}${detail === undefined ? ' and not connected' : `: ${detail}`}`;
}

function foundRecord({ record }: RecordHave): string {
  return `${record.type} to ${record.content}`;
}

function ownerOf(hostname: string, { plan }: Report): string {
  return plan?.wanted.vhosts.find(({ hostnames }) => hostnames.includes(hostname))?.deployment ?? '';
}

/** What is there of ours; a foreign thing has another key. */
function seen<Have extends { readonly key: string }>(
  { observed }: Report,
  kind: string,
  key: string,
): Have | undefined {
  const haves = observed[kind];
  if (haves === undefined || 'uncertain' in haves) return undefined;
  return (haves as readonly unknown[] as readonly (Have & { readonly deployment: string })[]).find(
    (have) => have.key === key && have.deployment !== '',
  );
}
