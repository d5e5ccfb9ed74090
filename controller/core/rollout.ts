/**
 * Desired × observed → what ought to exist now. Pure: the same worlds give the same answer.
 * One service is decided in `service.ts`; here its answers become resources, for whole deployments.
 */
import {
  type Context,
  certain,
  type Draft,
  emptyDraft,
  partsOf,
  type RolloutRules,
  type Seen,
} from './draft.ts';
import { orphanWait } from './drain.ts';
import { keepForLater, keepImages } from './keep.ts';
import { addInstances } from './place.ts';
import { createAllocator } from './ports.ts';
import { decideService } from './service.ts';
import { instanceKeys } from './service-view.ts';
import type {
  Desired,
  DesiredDeployment,
  DesiredService,
  InstanceHave,
  Observed,
  Verdict,
  VhostHave,
  Wanted,
} from './types.ts';
import { addVhost } from './vhost-want.ts';

/** What ought to exist now. Where the world can't be seen, every deployment is frozen. */
export function rollout(desired: Desired, observed: Observed, rules: RolloutRules): Wanted {
  const draft = emptyDraft(desired);
  const { ownVhosts = [] } = desired;
  for (const { deployment } of ownVhosts) draft.present.add(deployment);
  const seen = certain(observed);
  if (typeof seen === 'string') {
    const everyone = Object.values(observed).flatMap((have) => ('uncertain' in have ? [] : have));
    for (const { deployment } of everyone) if (deployment !== '') draft.frozen.set(deployment, seen);
    for (const name of draft.present) draft.frozen.set(name, seen);
    return draft;
  }
  const allocate = createAllocator(rules.ports, takenPorts(desired, seen, rules));
  const deployments = [...desired.deployments].sort((a, b) => (a.name < b.name ? -1 : 1));
  const images = new Map(seen.image.map((image) => [image.key, image]));
  const instancePorts = new Set(seen.instance.flatMap(({ port }) => port ?? []));
  const shared = { images, instancePorts, rules, allocate };
  const partOf = partsOf(seen);
  for (const deployment of deployments)
    rollOut(draft, { deployment, seen: partOf(deployment.name), ...shared });
  for (const vhost of ownVhosts) {
    draft.vhosts.push(vhost);
    draft.verdicts.set(vhost.deployment, { status: 'running', stage: 'serves the admin' });
  }
  keepForLater(draft, seen);
  return draft;
}

function takenPorts(desired: Desired, seen: Seen, rules: RolloutRules): readonly number[] {
  const pinned = desired.deployments.flatMap(({ services }) => services.map((s) => s.pinnedPort ?? 0));
  const held = seen.instance.map(({ port }) => port ?? 0);
  return [...rules.busyPorts, ...rules.nginxPorts, ...pinned, ...held, ...seen.port.map(({ port }) => port)];
}

function rollOut(draft: Draft, context: Context): void {
  const { deployment, seen, rules } = context;
  const { image: images, instance: instances } = seen;
  const [vhost] = seen.vhost;
  const earlier = draft.instances.length;
  if (deployment.services.some(({ onHost }) => !onHost))
    draft.networks.push({ key: `berth-${deployment.name}`, deployment: deployment.name });
  for (const name of deployment.volumes)
    draft.volumes.push({ key: `berth-${deployment.name}-${name}`, deployment: deployment.name });

  const serve = new Map<string, readonly string[]>();
  const verdicts: Verdict[] = [];
  for (const service of deployment.services) {
    const decision = decideService({
      deployment,
      service,
      instances: instances.filter((have) => have.service === service.name),
      image: context.images.get(service.version?.image.key ?? ''),
      vhost,
      missingNeed: missingNeed(deployment, service, instances),
      drainMs: rules.drainMs,
      workerShutdownMs: rules.workerShutdownMs,
    });
    serve.set(service.name, decision.serve);
    keepImages(draft, { service, images, instances, keep: rules.keepImages, suspend: deployment.suspend });
    const trouble = addInstances(draft, context, service, decision);
    verdicts.push(trouble ?? decision.verdict);
  }
  const failed = verdicts.some(({ status }) => status === 'failed');
  dropOrphans(draft, context, { instances, vhost, failed });
  addVhost(draft, context, { serve, verdicts, wants: draft.instances.slice(earlier) });
  draft.verdicts.set(deployment.name, worst(verdicts));
}

/** What runs of services that left the entry goes, once nothing that knew them is at work. */
function dropOrphans(
  draft: Draft,
  { deployment, rules: { drainMs, workerShutdownMs } }: Context,
  about: {
    readonly instances: readonly InstanceHave[];
    readonly vhost: VhostHave | undefined;
    /** Some new version failed, so an older one stays at work until a commit or a person acts. */
    readonly failed: boolean;
  },
): void {
  const { instances, vhost, failed } = about;
  const names = new Set(deployment.services.map(({ name }) => name));
  const olderAtWork = instances.some(({ key }) => {
    const id = `instance/${key}`;
    return draft.standing.get(key)?.run || draft.kept.has(id) || draft.leaving.get(id)?.wait !== undefined;
  });
  for (const orphan of instances.filter(({ service }) => !names.has(service))) {
    const wait = orphanWait(orphan, { vhost, drainMs, workerShutdownMs, olderAtWork, failed });
    draft.leaving.set(`instance/${orphan.key}`, {
      why: 'its service left the entry',
      ...(wait && { wait }),
    });
  }
}

function missingNeed(
  deployment: DesiredDeployment,
  service: DesiredService,
  instances: readonly InstanceHave[],
): string | undefined {
  return service.needs.find((need) => {
    const other = deployment.services.find(({ name }) => name === need);
    const keys = other?.version ? instanceKeys(deployment.name, other) : undefined;
    return !instances.some(
      (have) => have.service === need && have.ready && (!keys || keys.includes(have.key)),
    );
  });
}

const RANK = { failed: 0, building: 1, stopped: 2, running: 3 } as const;

function worst(verdicts: readonly Verdict[]): Verdict {
  const sorted = [...verdicts].sort((a, b) => RANK[a.status] - RANK[b.status]);
  return sorted[0] ?? { status: 'running', stage: 'nothing to run' };
}
