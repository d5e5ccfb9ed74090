/**
 * The machine's own nginx: our files lie in a directory that it includes, and the operator's commands test and reload
 * it. What we write is tried alone first, so that nothing of ours ever breaks what else it serves.
 */
import { join } from 'node:path';
import { TransientError } from '../../core/errors.ts';
import { reasonOf, runCommand } from './command.ts';
import { readPages, renderConf } from './config.ts';
import type { Mode, NginxPlace } from './mode.ts';

export interface SystemNginx {
  readonly dir: string;
  readonly test: readonly string[];
  readonly reload: readonly string[];
}

/** Sites in a directory of the machine's nginx; starting and stopping that one is not ours. */
export function systemMode({ dir, test, reload }: SystemNginx, place: NginxPlace): Mode {
  let words = '';
  return {
    // No `include` pattern matches a name that begins with a dot, and a rename stays on one file system.
    layout: { dir, sitesDir: dir, stagingDir: join(dir, `.berth-staging-${place.owner}`) },
    place,
    pages: readPages(),
    conf: async () => undefined,
    trialConf: async () => renderConf({ temp: 'tmp', drainMs: place.drainMs }),
    ready: async () => {},
    foreignCounts: false,
    down: () => undefined,
    // Workers say by their open files whose they are, and those files are the operator's choice.
    orphaned: () => false,
    verify: () => runCommand(test),
    refresh: () =>
      place.step('nginx.reload', async () => {
        const result = await runCommand(reload);
        words = result.words;
        if (!result.ok) throw new TransientError(`nginx can't be reloaded: ${reasonOf(words)}`);
      }),
    complaint: async () =>
      words === ''
        ? 'its error log says why; does its http block include the *.conf files of BERTH_NGINX_DIR?'
        : reasonOf(words),
  };
}
