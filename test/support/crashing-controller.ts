/** A controller that kills itself with SIGKILL at one effect: as sudden as a power cut, and at a chosen place. */
import { type ControllerProcess, type ProcessOptions, startController } from './controller-process.ts';
import { distUrl } from './dist.ts';

const SCRIPT = `
  import { openSession } from ${JSON.stringify(distUrl('cli/session.js'))};
  import { startTriggers } from ${JSON.stringify(distUrl('loop/triggers.js'))};
  import { readSettings } from ${JSON.stringify(distUrl('settings.js'))};

  const [begin, when] = process.argv.slice(1);
  const { settings } = readSettings(process.env, process.cwd());
  const step = async (label, effect) => {
    const here = label.startsWith(begin);
    if (here && when === 'before') process.kill(process.pid, 'SIGKILL');
    const done = await effect();
    if (here) process.kill(process.pid, 'SIGKILL');
    return done;
  };
  const { real, runner, log } = await openSession(settings, { step });
  const { signal } = new AbortController();
  startTriggers(real, { intervalMs: settings.intervalMs, poke: runner.poke, log }, signal);
  await runner.run(signal);`;

export interface CrashOptions extends Pick<ProcessOptions, 'env' | 'cwd'> {
  /** How the effect's label begins, such as `engine.create lk-web`. The first such effect is the last of the process. */
  readonly at: string;
  readonly when: 'before' | 'after';
}

/** Starts one from `dist/`; its `ended` tells of the SIGKILL. */
export function startCrashing({ env, cwd, at, when }: CrashOptions): ControllerProcess {
  return startController({ env, cwd, args: ['--input-type=module', '-e', SCRIPT, at, when] });
}
