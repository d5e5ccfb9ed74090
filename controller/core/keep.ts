/** What stays although nothing asks for it anew: images for a rollback, and whatever a container still uses. */
import type { Draft, Seen } from './draft.ts';
import type { DesiredService, ImageHave, InstanceHave, Resource } from './types.ts';

/** The wanted image, those in use, and the newest few for a rollback. */
export function keepImages(
  draft: Draft,
  options: {
    readonly service: DesiredService;
    readonly images: readonly ImageHave[];
    readonly instances: readonly InstanceHave[];
    readonly keep: number;
    readonly suspend: boolean;
  },
): void {
  const { service, images, instances, keep, suspend } = options;
  const wanted = service.version?.image;
  if (wanted && !suspend) draft.images.push(wanted);
  const ready = images.filter((image) => image.service === service.name && image.state === 'ready');
  const newest = [...ready].sort((a, b) => b.createdMs - a.createdMs || (a.key < b.key ? -1 : 1));
  const inUse = new Set(instances.map(({ image }) => image));
  newest.forEach((image, index) => {
    const known = service.version !== undefined && index >= keep;
    if (!known || inUse.has(image.key) || image.key === wanted?.key) draft.kept.add(`image/${image.key}`);
  });
  // While nobody can say which one is wanted, such as after a start, a failed build must not be forgotten and tried again.
  for (const image of images) {
    const asked = service.version === undefined ? image.service === service.name : image.key === wanted?.key;
    if (asked && image.state !== 'ready') draft.kept.add(`image/${image.key}`);
  }
}

/** What must outlive the containers that use it: ports until they are gone, the rest of a gone deployment too. */
export function keepForLater(draft: Draft, seen: Seen): void {
  const wantedPorts = new Set(draft.ports.map(({ key }) => key));
  for (const { key: instance, deployment, service, port } of seen.instance) {
    // Its row may have been lost with the registry.
    const id = `instance/${instance}`;
    const stays = draft.standing.has(instance) || draft.kept.has(id) || draft.leaving.get(id)?.wait;
    if (port === undefined || !stays || wantedPorts.has(String(port))) continue;
    draft.ports.push({ key: String(port), port, deployment, service, instance });
    wantedPorts.add(String(port));
  }
  const containers = new Set(seen.instance.map(({ key }) => key));
  for (const row of seen.port)
    if (containers.has(row.instance) && !wantedPorts.has(row.key)) draft.kept.add(`port/${row.key}`);

  const wantedInstances = new Set(draft.instances.map(({ key }) => key));
  const older = seen.instance.filter(({ key }) => !wantedInstances.has(key));
  const withOlder = new Set(older.map(({ deployment }) => deployment));
  const inUse = new Set(seen.instance.map(({ image }) => image));
  const isGone = ({ deployment }: Resource): boolean =>
    withOlder.has(deployment) && !draft.present.has(deployment);
  const goesLater = (kind: string, { key }: Resource, why: string, wait: string): void =>
    void draft.leaving.set(`${kind}/${key}`, { why, wait: { why: wait } });

  for (const [kind, haves] of Object.entries({
    network: seen.network,
    volume: seen.volume,
    image: seen.image,
  }))
    for (const have of haves as readonly Resource[])
      if (isGone(have)) goesLater(kind, have, 'its deployment left the file', 'its containers go first');
      else if (kind === 'image' && inUse.has(have.key)) draft.kept.add(`image/${have.key}`);
      else if (kind === 'volume' && withOlder.has(have.deployment))
        goesLater(kind, have, 'it left the entry', 'older containers may use it');
}
