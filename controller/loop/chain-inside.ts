/** The links on this machine: vhost, port, container and health, for one service. */
import type { InstanceHave } from '../core/types.ts';
import { BY_ITSELF, missing, plannedFor, type Told, unseen } from './chain-link.ts';
import type { Report } from './reconcile.ts';

/** A service of a deployment; `suspended` when its entry says that nothing of it runs. */
export interface Place {
  readonly name: string;
  readonly service: string;
  readonly suspended: boolean;
}

/** The vhost that takes the hostname, as nginx runs it, and the instances that it leads to. */
export function vhostLink(place: Place, report: Report): Told {
  const { name } = place;
  const { vhost } = report.observed;
  if ('uncertain' in vhost) return unseen(report, 'vhost') ?? missing(report, name);
  const down = vhost.find(({ deployment }) => deployment === '');
  if (down) return { ok: false, found: down.text, mend: BY_ITSELF };
  const planned = plannedFor(report, 'vhost', name);
  if (planned) return planned;
  const have = vhost.find(({ key }) => key === name);
  if (!have) return missing(report, name);
  if (have.liveForMs === 0)
    return { ok: false, found: 'nginx does not run what is on the disk', mend: BY_ITSELF };
  if (place.suspended) return { ok: true, found: 'shows the stopped page, as `suspend` asks' };
  const keys = have.serves[place.service] ?? [];
  if (keys.length > 0) return { ok: true, found: `leads to ${keys.join(', ')}` };
  return { ok: false, found: 'leads nowhere yet and shows the deploying page', mend: why(name, report) };
}

/** The host ports of the instances that it leads to. */
export function portLink(place: Place, report: Report): Told {
  const doubt = unseen(report, 'port') ?? unseen(report, 'instance');
  if (doubt) return doubt;
  const { port } = report.observed;
  const rows = 'uncertain' in port ? [] : port;
  const ports = ledTo(place, report).map(
    ({ key, have }) => have?.port ?? rows.find(({ instance }) => instance === key)?.port,
  );
  const known = ports.flatMap((one) => one ?? []);
  if (known.length > 0) return { ok: true, found: known.map((one) => `127.0.0.1:${one}`).join(', ') };
  return { ok: false, found: 'no port is known of what it leads to', mend: BY_ITSELF };
}

/** Whether any of them is there and runs. */
export function containerLink(place: Place, report: Report): Told {
  return someOf(place, report, {
    isGood: ({ state }) => state === 'running',
    good: 'runs',
    bad: ({ state, detail, gaveUp }) => [`is ${state}`, gaveUp ?? detail].filter(Boolean).join(': '),
    mend: ({ gaveUp }) => (gaveUp === undefined ? BY_ITSELF : 'correct the app or its entry, and commit'),
  });
}

/** Whether any of them answers its health check. */
export function healthLink(place: Place, report: Report): Told {
  return someOf(place, report, {
    isGood: ({ ready }) => ready,
    good: 'answers',
    bad: ({ detail }) => `does not answer: ${detail ?? 'it was not asked yet'}`,
    mend: ({ key }) => `its log says more: \`docker logs ${key}\``,
  });
}

interface Question {
  readonly isGood: (have: InstanceHave) => boolean;
  readonly good: string;
  readonly bad: (have: InstanceHave) => string;
  readonly mend: (have: InstanceHave) => string;
}

/** One good instance of several is enough for a visitor; the others are told all the same. */
function someOf(place: Place, report: Report, { isGood, good, bad, mend }: Question): Told {
  const all = ledTo(place, report);
  const found = all
    .map(({ key, have }) => `${key} ${!have ? 'is not there' : isGood(have) ? good : bad(have)}`)
    .join('; ');
  if (all.some(({ have }) => have && isGood(have))) return { ok: true, found };
  const first = all.find(({ have }) => have)?.have;
  return { ok: false, found, mend: first ? mend(first) : BY_ITSELF };
}

function ledTo(
  { name, service }: Place,
  { observed }: Report,
): readonly { readonly key: string; readonly have: InstanceHave | undefined }[] {
  const { vhost, instance } = observed;
  if ('uncertain' in vhost || 'uncertain' in instance) return [];
  const keys = vhost.find(({ key }) => key === name)?.serves[service] ?? [];
  return keys.map((key) => ({ key, have: instance.find((have) => have.key === key) }));
}

/** What the rollout says about a deployment that serves nobody yet. */
function why(name: string, { plan }: Report): string {
  const verdict = plan?.wanted.verdicts.get(name);
  return verdict?.error ?? `wait: ${verdict?.stage ?? 'it is being started'}`;
}
