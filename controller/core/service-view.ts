/** A service as one pass sees it: which instances are of the wanted version, which have failed, and how it stands. */
import { isBad } from './serving.ts';
import type {
  DesiredDeployment,
  DesiredService,
  ImageHave,
  InstanceHave,
  Verdict,
  VhostHave,
  Wait,
} from './types.ts';

/** An instance that exits this often without ever answering is given up. */
const GIVE_UP_RESTARTS = 5;

export interface ServiceView {
  readonly deployment: DesiredDeployment;
  readonly service: DesiredService;
  readonly instances: readonly InstanceHave[];
  /** Of the wanted version. */
  readonly image: ImageHave | undefined;
  readonly vhost: VhostHave | undefined;
  /** A service that this one needs and that is not ready. */
  readonly missingNeed: string | undefined;
  readonly drainMs: number;
  /** Nginx ends an old worker this long after a reload, whatever it still does. */
  readonly workerShutdownMs: number;
}

export interface Look {
  /** Of W. */
  readonly keys: readonly string[];
  /** Those of W that are not given up. */
  readonly hopeful: readonly string[];
  readonly older: readonly InstanceHave[];
  readonly failures: ReadonlyMap<string, string>;
  /** Why an instance of W can't be created now. */
  readonly blocked: Wait | undefined;
  readonly verdict: Verdict;
}

/** Looks at the wanted version (W) and the older ones. */
export function lookAt(view: ServiceView): Look {
  const keys = instanceKeys(view.deployment.name, view.service);
  const byKey = new Map(view.instances.map((instance) => [instance.key, instance]));
  const older = view.instances.filter(({ key }) => !keys.includes(key));
  const fallback = older.some(({ ready }) => ready);
  // What visitors are led to was ready once, even if this controller has not seen it.
  const led = new Set(view.vhost?.serves[view.service.name]);
  const troubles = new Map<string, string>();
  for (const key of keys) {
    const have = byKey.get(key);
    const reason =
      have && (have.gaveUp ?? giveUpReason({ ...have, proven: have.proven || led.has(key) }, fallback));
    if (reason !== undefined) troubles.set(key, reason);
  }
  // What leads visitors to this machine is tried on and on: that it can't now is seldom the fault of its version.
  const failures = view.service.onHost ? new Map<string, string>() : troubles;
  const blocked = blockedBy(view);
  const hopeful = keys.filter((key) => !failures.has(key));
  return { keys, hopeful, older, failures, blocked, verdict: verdictOf(view, keys, troubles, blocked) };
}

function giveUpReason(have: InstanceHave, fallback: boolean): string | undefined {
  if (have.ready || (have.proven && !fallback) || !isBad(have)) return undefined;
  const detail = have.detail ? `: ${have.detail}` : '';
  // While it runs once more, the engine doesn't know how it ended; it is given up when it is down again.
  if (have.restarts >= GIVE_UP_RESTARTS && have.state !== 'running')
    return `exited ${have.restarts} times${detail}`;
  if (have.state === 'exited' || have.state === 'created' || have.state === 'stopping') return undefined;
  if (have.sinceMs <= have.healthTimeoutMs) return undefined;
  return `was not ready within ${Math.round(have.healthTimeoutMs / 1000)} s${detail}`;
}

function blockedBy({ image, missingNeed }: ServiceView): Wait | undefined {
  if (image?.state === 'failed') return { why: 'its build failed' };
  if (image?.state !== 'ready') return { why: 'waits for its image' };
  if (missingNeed !== undefined) return { why: `waits for ${missingNeed}` };
  return undefined;
}

function verdictOf(
  { instances, image }: ServiceView,
  keys: readonly string[],
  troubles: ReadonlyMap<string, string>,
  blocked: Wait | undefined,
): Verdict {
  const haves = instances.filter(({ key }) => keys.includes(key));
  const failure = [...troubles.values()][0];
  const bad = haves.find((have) => have.proven && isBad(have) && have.detail);
  if (haves.length === keys.length && haves.every(({ ready }) => ready))
    return { status: 'running', stage: instances.length > haves.length ? 'draining' : 'serving' };
  if (failure !== undefined) return { status: 'failed', stage: 'start', error: failure };
  if (haves.length === 0 && image?.state === 'failed')
    return { status: 'failed', stage: 'build', error: image.error ?? 'its build failed' };
  if (bad) return { status: 'failed', stage: 'serving', error: `no longer answers: ${bad.detail}` };
  if (haves.some(({ ready }) => ready)) return { status: 'running', stage: 'starting replicas' };
  return { status: 'building', stage: haves.length > 0 ? 'starting' : (blocked?.why ?? 'starting') };
}

/** Keys of the instances of a version: `blog-web-3f9a1c02`, with `-1`… when there are several. */
export function instanceKeys(deployment: string, service: DesiredService): readonly string[] {
  if (!service.version) return [];
  const key = `${deployment}-${service.name}-${service.version.hash}`;
  return service.replicas === 1
    ? [key]
    : Array.from({ length: service.replicas }, (_, index) => `${key}-${index + 1}`);
}
