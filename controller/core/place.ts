/** Turns one service's decision into instances and port rows. */
import type { Context, Draft } from './draft.ts';
import type { ServiceDecision } from './service.ts';
import type { DesiredDeployment, DesiredService, PortWant, Verdict, Wait } from './types.ts';

/** Writes the decision into the draft; returns a verdict when a port stands in the way. */
export function addInstances(
  draft: Draft,
  context: Context,
  service: DesiredService,
  decision: ServiceDecision,
): Verdict | undefined {
  const { deployment, rules } = context;
  for (const [key, standing] of decision.standing) draft.standing.set(key, standing);
  for (const key of decision.kept) draft.kept.add(`instance/${key}`);
  for (const [key, leaving] of decision.leaving) draft.leaving.set(`instance/${key}`, leaving);
  let trouble: Verdict | undefined;
  for (const want of decision.wants) {
    if (!service.version) continue;
    const { hash, spec, image } = service.version;
    const place = placeInstance(context, service, want);
    if (place.trouble) trouble = { status: 'failed', stage: 'port', error: place.trouble };
    const wait = want.wait ?? (place.trouble ? { why: place.trouble } : undefined);
    const commit = image.from.kind === 'build' ? image.from.commit : '';
    draft.instances.push({
      key: want.key,
      deployment: deployment.name,
      service: service.name,
      hash,
      commit,
      spec,
      network: service.onHost ? 'host' : `berth-${deployment.name}`,
      why: want.why,
      ...(place.port !== undefined && { port: place.port }),
      ...(wait && { wait }),
    });
    if (place.port !== undefined && !place.trouble) addPort(draft, place.port, service, deployment, want.key);
  }
  if (service.routed && service.pinnedPort !== undefined) {
    if (rules.busyPorts.has(service.pinnedPort)) trouble ??= taken(service.pinnedPort);
    else addPort(draft, service.pinnedPort, service, deployment, '');
  }
  return trouble;
}

function taken(port: number): Verdict {
  return { status: 'failed', stage: 'port', error: takenMessage(port) };
}

function takenMessage(port: number): string {
  return `port ${port} is taken by another process: stop that process (\`ss -ltnp\` names it), or pin another port`;
}

function addPort(
  draft: Draft,
  port: number,
  service: DesiredService,
  deployment: DesiredDeployment,
  instance: string,
): void {
  const row: PortWant = {
    key: String(port),
    port,
    deployment: deployment.name,
    service: service.name,
    instance,
  };
  draft.ports.push(row);
}

/** The host port of an instance that has to exist: the one it has, the one reserved for it, or the lowest free one. */
function placeInstance(
  { seen, instancePorts, rules, allocate }: Context,
  service: DesiredService,
  want: { readonly key: string; readonly wait?: Wait },
): { readonly port?: number; readonly trouble?: string } {
  const have = seen.instance.find(({ key }) => key === want.key);
  if (have) return have.port === undefined ? {} : { port: have.port };
  const hasPort = service.routed || service.onHost || service.pinnedPort !== undefined;
  if (!hasPort) return {};
  if (!service.routed && service.pinnedPort !== undefined) {
    const held = instancePorts.has(service.pinnedPort);
    return rules.busyPorts.has(service.pinnedPort) && !held
      ? { trouble: takenMessage(service.pinnedPort) }
      : { port: service.pinnedPort };
  }
  if (want.wait) return {};
  const reserved = seen.port.find(({ instance }) => instance === want.key)?.port;
  const taken = [rules.busyPorts, rules.nginxPorts].some((ports) => reserved && ports.has(reserved));
  if (reserved !== undefined && !taken) return { port: reserved };
  const port = allocate();
  if (port !== undefined) return { port };
  const { first, last } = rules.ports;
  return { trouble: `no port is free in ${first}-${last}: widen BERTH_PORTS` };
}
