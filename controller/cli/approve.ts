/** `berth approve <commit>`: releases the deletions that this commit is held for, and no others. */
import { join } from 'node:path';
import { createApprovals } from '../clients/approvals.ts';
import { readStore } from '../clients/store.ts';
import { StalledError } from '../core/errors.ts';
import { runStep } from '../core/step.ts';
import type { Settings } from '../settings.ts';
import type { Io, JsonOption } from './io.ts';

/** 0 when released; the controller deletes at its next pass. `commit` may be shortened to seven digits. */
export async function approve(
  settings: Settings,
  { commit, json, io }: JsonOption & { readonly commit: string; readonly io: Io },
): Promise<number> {
  const { held } = (await readStore(join(settings.dataDir, 'state.json'))).state;
  if (!held) throw new StalledError('nothing is held: there is no deletion to approve');
  if (!/^[0-9a-f]{7,40}$/.test(commit) || !held.commit.startsWith(commit))
    throw new StalledError(
      `deletions are held for commit ${held.commit.slice(0, 12)}, not ${commit}: look at \`berth plan\`, then approve that`,
    );
  await createApprovals(join(settings.dataDir, 'approved'), runStep).write(held.commit, held.deployments);
  if (json) io.print(JSON.stringify({ ok: true, ...held }));
  else io.print(`approved: ${held.deployments.join(', ')} will be deleted`);
  return 0;
}
