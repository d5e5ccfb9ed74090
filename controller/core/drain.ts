/** When an instance that visitors are no longer led to may go: nothing may still be under way to it. */
import type { RolloutRules } from './draft.ts';
import { isBad } from './serving.ts';
import type { InstanceHave, VhostHave, Wait } from './types.ts';

export interface DrainView extends Pick<RolloutRules, 'drainMs' | 'workerShutdownMs'> {
  readonly vhost: VhostHave | undefined;
}

/** An old instance outlives the switch by the drain time, and by any nginx worker that may still send to it. */
export function nginxDrain({ vhost, drainMs, workerShutdownMs }: DrainView): Wait | undefined {
  if (!vhost || vhost.liveForMs === 0) return { why: 'nginx has to run the new vhost first' };
  if (vhost.liveForMs < drainMs) return { why: 'drains', ms: drainMs - vhost.liveForMs };
  if (vhost.oldWorkers && vhost.liveForMs < drainMs + workerShutdownMs)
    return { why: 'an older nginx worker still sends to it', ms: 500 };
  return undefined;
}

/**
 * An instance whose service left the entry waits for the versions that were written with it: while an older one of
 * another service is still at work (`olderAtWork`), it may be asked; after that it drains like any other.
 */
export function orphanWait(
  orphan: InstanceHave,
  view: DrainView & { readonly olderAtWork: boolean; readonly failed: boolean },
): Wait | undefined {
  const { vhost, olderAtWork, failed } = view;
  if (vhost?.serves[orphan.service]?.includes(orphan.key)) return { why: 'nginx has to let go of it first' };
  if (isBad(orphan)) return undefined;
  const why = 'an older version of another service may still use it';
  if (olderAtWork) return { why, ...(failed && { forPerson: true }) };
  return vhost && orphan.port !== undefined ? nginxDrain(view) : undefined;
}
