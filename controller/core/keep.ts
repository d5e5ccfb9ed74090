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
  const failed = images.find((image) => image.key === wanted?.key && image.state !== 'ready');
  if (failed) draft.kept.add(`image/${failed.key}`);
}

/** What must outlive the containers that use it: ports until they are gone, the rest of a gone deployment too. */
export function keepForLater(draft: Draft, seen: Seen): void {
  const wantedPorts = new Set(draft.ports.map(({ key }) => key));
  const containers = new Set(seen.instance.map(({ key }) => key));
  for (const row of seen.port)
    if (containers.has(row.instance) && !wantedPorts.has(row.key)) draft.kept.add(`port/${row.key}`);

  const busy = new Set(
    seen.instance.filter((have) => !draft.present.has(have.deployment)).map((i) => i.deployment),
  );
  const users = new Set(seen.instance.map(({ deployment }) => deployment));
  const wantedImages = new Set(draft.images.map(({ key }) => key));
  for (const [kind, haves] of [
    ['network', seen.network],
    ['volume', seen.volume],
    ['image', seen.image],
  ] as const) {
    for (const { key, deployment } of haves as readonly Resource[]) {
      if (kind === 'image' && wantedImages.has(key)) continue;
      if (busy.has(deployment))
        draft.leaving.set(`${kind}/${key}`, {
          why: 'its deployment left the file',
          wait: { why: 'its containers go first' },
        });
      else if (kind === 'volume' && users.has(deployment) && hasOlder(draft, seen, deployment))
        draft.leaving.set(`${kind}/${key}`, {
          why: 'it left the entry',
          wait: { why: 'older containers may use it' },
        });
    }
  }
}

function hasOlder(draft: Draft, seen: Seen, deployment: string): boolean {
  const wanted = new Set(draft.instances.map(({ key }) => key));
  return seen.instance.some((have) => have.deployment === deployment && !wanted.has(have.key));
}
