/** Vhosts: one nginx file per deployment. All changes of a pass are one test and one proven reload. */
import type { Nginx } from '../clients/types.ts';
import { diffByKey } from '../core/diff.ts';
import { StalledError } from '../core/errors.ts';
import type { Action, Kind, VhostHave, VhostWant } from '../core/types.ts';
import { seenOf } from './each.ts';
import { readServes, renderVhost, type VhostTextOptions } from './vhost-text.ts';

/** Nginx itself, as a thing to start or reload; no deployment can have this name. */
const NGINX = '(nginx)';

/** The kind `vhost`. */
export function vhostKind(nginx: Nginx, options: VhostTextOptions): Kind<VhostHave, VhostWant> {
  const render = (want: VhostWant): string => renderVhost(want, options);
  return {
    name: 'vhost',
    async observe() {
      const { sites, oldWorkers, running } = await nginx.read();
      const haves = sites.map(({ name, text, liveForMs }) => ({
        key: name,
        deployment: name,
        text,
        serves: readServes(text),
        liveForMs,
        oldWorkers,
      }));
      if (running === true) return haves;
      const down = { key: NGINX, deployment: '', text: running, serves: {}, liveForMs: 0, oldWorkers };
      return [...haves, down];
    },
    diff(wanted, observed) {
      const haves = seenOf(observed.vhost);
      const down = haves.find(({ key }) => key === NGINX);
      const actions = diffByKey({
        kind: 'vhost',
        wanted,
        wants: wanted.vhosts,
        haves: haves.filter(({ key }) => key !== NGINX),
        because: (want) => `${want.hostnames[0] ?? want.key} ${want.why}`,
        differs: (want, have) => differs(want, have, textOf(want, render)),
      });
      const mend: Action<VhostWant> = {
        verb: 'update',
        kind: 'vhost',
        key: NGINX,
        deployment: '',
        why: down?.text ?? '',
      };
      return down ? [mend, ...actions] : actions;
    },
    async apply(actions) {
      const errors = new Map<string, unknown>();
      const changes = actions.flatMap(({ key, verb, want }) => {
        if (key === NGINX) return [];
        if (verb === 'delete' || !want) return [{ name: key }];
        try {
          return [{ name: key, text: render(want) }];
        } catch (error) {
          errors.set(key, error);
          return [];
        }
      });
      try {
        for (const [name, error] of await nginx.apply(changes)) errors.set(name, error);
      } catch (error) {
        for (const { key } of actions) errors.set(key, errors.get(key) ?? error);
      }
      // Nothing of the batch came through, so nginx itself was not mended either.
      const [first] = errors.values();
      if (changes.length > 0 && changes.every(({ name }) => errors.has(name))) errors.set(NGINX, first);
      return actions.map((action) =>
        errors.has(action.key) ? { action, error: errors.get(action.key) } : { action },
      );
    },
  };
}

/** A value that may not be rendered differs for ever; `apply` then tells why. */
function textOf(want: VhostWant, render: (want: VhostWant) => string): string {
  try {
    return render(want);
  } catch (error) {
    if (error instanceof StalledError) return '';
    throw error;
  }
}

function differs(want: VhostWant, have: VhostHave, text: string): string | undefined {
  if (have.text === text) return undefined;
  const now = Object.fromEntries(
    want.backends.map(({ service, instances }) => [service, instances.map(({ key }) => key)]),
  );
  const moved = Object.entries(now).some(
    ([service, keys]) => String(have.serves[service] ?? []) !== String(keys),
  );
  return moved || want.suspended ? want.why : 'its text is not what the entry asks for';
}
