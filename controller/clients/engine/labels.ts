/**
 * The labels by which Berth knows its own. `owner` is on everything; the engine hands an image's labels on to every
 * container of it, so a container is ours only with `instance`, which no image has.
 */
export const LABEL = {
  owner: 'berth.owner',
  deployment: 'berth.deployment',
  service: 'berth.service',
  /** Of containers only: the instance key. */
  instance: 'berth.instance',
  /** Of the short-lived containers through which a volume is read: the volume. */
  reader: 'berth.reader',
  hash: 'berth.hash',
  commit: 'berth.commit',
  /** The reference it was made from: the engine's list shows a bare id once a tag has moved on. */
  image: 'berth.image',
  /** Host port; absent where nothing is published. */
  port: 'berth.port',
  listen: 'berth.listen',
  routed: 'berth.routed',
  healthPath: 'berth.health-path',
  healthIntervalMs: 'berth.health-interval-ms',
  healthTimeoutMs: 'berth.health-timeout-ms',
} as const;

/** The engine leaves labels out as null or undefined where there are none. */
export type Labels = Readonly<Record<string, string>> | null | undefined;
