/** Volumes: made empty, and deleted only after their content lies in the archive. */
import type { Engine } from '../clients/engine/types.ts';
import type { Archiver } from '../clients/types.ts';
import { diffByKey } from '../core/diff.ts';
import type { Action, Kind, VolumeHave, VolumeWant } from '../core/types.ts';
import { applyEach, seenOf } from './each.ts';

export interface VolumeClients {
  readonly engine: Pick<Engine, 'volumes' | 'createVolume' | 'removeVolume'>;
  readonly archiver: Archiver;
}

/** The kind `volume`. A delete takes several passes: archive, wait, remove. */
export function volumeKind({ engine, archiver }: VolumeClients): Kind<VolumeHave, VolumeWant> {
  return {
    name: 'volume',
    async observe() {
      const rows = await engine.volumes();
      return rows.map((row) => ({ ...row, state: archiver.state(row) }));
    },
    diff(wanted, observed) {
      const haves = seenOf(observed.volume);
      const stateOf = new Map(haves.map(({ key, state }) => [key, state]));
      const actions = diffByKey({
        kind: 'volume',
        wanted,
        wants: wanted.volumes,
        haves,
        because: () => 'a service keeps files in it',
        // What is written from now on is not in it; else a later removal would lose that.
        differs: (_, { state }) =>
          state === 'archived' ? 'it is used again, so its archive is out of date' : undefined,
      });
      return actions.map((action) => whileArchiving(action, stateOf.get(action.key)));
    },
    apply: async (actions, signal) => {
      const rows = new Map((await engine.volumes()).map((row) => [row.key, row]));
      return applyEach(actions, { width: 2, signal }, async ({ verb, key, deployment }) => {
        const row = rows.get(key);
        if (verb === 'create') return engine.createVolume(key, deployment);
        if (verb === 'update') return row && archiver.setAside(row);
        if (!row || archiver.state(row) === 'archived') return engine.removeVolume(key);
        archiver.start(row);
        return 'is being archived';
      });
    },
  };
}

function whileArchiving(
  action: Action<VolumeWant>,
  state: VolumeHave['state'] | undefined,
): Action<VolumeWant> {
  if (action.verb !== 'delete' || action.wait || state !== 'archiving') return action;
  return { ...action, wait: { why: 'its content is being archived' } };
}
