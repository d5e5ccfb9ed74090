import type { InstanceHave } from './types.ts';

/** We know that it does not answer; an instance that was only not asked yet (the controller just started) is not bad. */
export function isBad(instance: InstanceHave): boolean {
  return !instance.ready && (instance.state !== 'running' || instance.detail !== undefined);
}

/** Its process is not there: stopped, or never started. */
export function isDown({ state }: InstanceHave): boolean {
  return state === 'exited' || state === 'created';
}

export interface ServingView {
  /** Keys of the version asked for. */
  readonly keys: readonly string[];
  readonly instances: readonly InstanceHave[];
  /** What the vhost leads to now; undefined when the vhost is not there to tell. */
  readonly served: readonly string[] | undefined;
}

/**
 * Which instances a service's visitors are led to: those of the wanted version that answer; else an older version that
 * answers; else whatever served before and may come back. Empty means the "being deployed" page.
 */
export function pickServing(view: ServingView): readonly string[] {
  const { keys, instances, served = [] } = view;
  const byKey = new Map(instances.map((instance) => [instance.key, instance]));
  const answers = (key: string): boolean => {
    const have = byKey.get(key);
    if (have === undefined || have.ready) return have !== undefined;
    // Someone removed the vhost while it served: what was ready before and is not known to be bad may well answer.
    const trusted = view.served === undefined ? have.proven : served.includes(key);
    return trusted && !isBad(have);
  };
  // A replica that is missing or restarting comes back on its own port, so leaving it in costs no reload.
  if (keys.some(answers)) return keys.filter((key) => answers(key) || served.includes(key));

  // One of the time when its service was internal has no port that nginx could lead to.
  const older = instances.filter(
    ({ key, port }) => port !== undefined && !keys.includes(key) && answers(key),
  );
  const version = (older.find(({ key }) => served.includes(key)) ?? older.at(-1))?.hash;
  if (version !== undefined) return older.filter(({ hash }) => hash === version).map(({ key }) => key);

  const comesBack = (key: string): boolean => {
    const have = byKey.get(key);
    if (have?.gaveUp !== undefined) return false;
    return keys.includes(key) || have?.state === 'running' || have?.state === 'restarting';
  };
  return served.filter(comesBack);
}
