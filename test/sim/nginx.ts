import type { Nginx } from '../../controller/clients/types.ts';
import { TransientError } from '../../controller/core/errors.ts';
import type { Step } from '../../controller/core/step.ts';
import type { Outside } from './world.ts';

const ours = (text: string): boolean => text.startsWith('# berth owner=sim ');

/** Nginx runs what it read last, and a reload that is not proven puts the old files back. */
export function nginxIn(outside: Outside, step: Step): Nginx {
  const firstLive = new Map<string, { text: string; ms: number }>();
  const look = (): void => {
    for (const [name, text] of outside.live ?? []) {
      if (firstLive.get(name)?.text !== text) firstLive.set(name, { text, ms: outside.nowMs - 1 });
    }
  };
  const reload = (): Promise<void> =>
    step('nginx.reload', async () => {
      if (outside.brokenReloads > 0) {
        outside.brokenReloads -= 1;
        throw new TransientError('nginx did not answer with the new generation');
      }
      if (outside.live && outside.workersMs > 0)
        outside.oldWorkers.push({ config: outside.live, untilMs: outside.nowMs + outside.workersMs });
      outside.live = new Map(outside.files);
    });
  return {
    async read() {
      look();
      const sites = [...outside.files]
        .filter(([, text]) => ours(text))
        .map(([name, text]) => {
          const first = firstLive.get(name);
          const live = outside.live?.get(name) === text && first?.text === text;
          return { name, text, liveForMs: live ? outside.nowMs - first.ms : 0 };
        });
      const oldWorkers = outside.oldWorkers.length > 0;
      return {
        sites,
        oldWorkers,
        running: runsItsFiles(outside) || 'nginx does not run what is on the disk',
      };
    },
    async apply(changes) {
      const errors = new Map<string, Error>();
      const before = new Map(outside.files);
      for (const { name, text } of changes) {
        const there = outside.files.get(name);
        if (there !== undefined && !ours(there))
          errors.set(name, new TransientError(`${name}.conf is not ours`));
        else if (text === undefined)
          await step(`nginx.remove ${name}`, async () => void outside.files.delete(name));
        else await step(`nginx.write ${name}`, async () => void outside.files.set(name, text));
      }
      try {
        if (!runsItsFiles(outside)) await reload();
      } catch (error) {
        // A controller that was killed puts nothing back.
        if (!(error instanceof TransientError)) throw error;
        await step('nginx.restore', async () => {
          outside.files = before;
        });
        throw error;
      }
      look();
      return errors;
    },
  };
}

function runsItsFiles({ live, files }: Outside): boolean {
  return (
    live !== undefined &&
    live.size === files.size &&
    [...files].every(([name, text]) => live.get(name) === text)
  );
}
