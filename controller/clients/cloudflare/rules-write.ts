/**
 * Read, edit, write, read again. The document has no If-Match: a write replaces whatever is there, and only the version
 * in its answer tells whether somebody wrote between our read and our write. What they wrote then is overwritten and kept
 * nowhere, which is said aloud; what they write later is merged with ours.
 */
import { TransientError } from '../../core/errors.ts';
import type { Step } from '../../core/step.ts';
import type { Api } from './api.ts';
import { type EditRules, editDocument, holds, wasOvertaken } from './document.ts';
import { CloudflareError } from './errors.ts';
import { ingressOf, type TunnelDocument } from './shapes.ts';
import { getDocument, putDocument } from './tunnel-calls.ts';
import type { IngressRule, Tunnel } from './types.ts';

export interface RulesWriteOptions {
  readonly api: Api;
  readonly step: Step;
  readonly warn: (message: string) => void;
}

const MOST_TRIES = 5;

/** Returns the rules as they are in the end, the catch-all among them. Throws CloudflareError, or after five tries TransientError. */
export async function writeRules(
  { api, step, warn }: RulesWriteOptions,
  { account, tunnel }: { readonly account: string; readonly tunnel: Tunnel },
  edit: EditRules,
): Promise<readonly IngressRule[]> {
  let before = await getDocument(api, account, tunnel);
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const config = editDocument(before, edit);
    if (!config) return ingressOf(before.config);
    const written = await step(`cloudflare.writeRules ${tunnel.name}`, () =>
      putDocument(api, account, { tunnel, config }),
    );
    const after = await getDocument(api, account, tunnel).catch(asDoubt);
    if (wasOvertaken(before, written.version)) warn(overtaken(tunnel, before, written));
    else if (after.version === written.version && holds(after.config, config)) return ingressOf(after.config);
    before = after;
  }
  throw new TransientError(
    `the rules of the tunnel ${tunnel.name} were changed by somebody else each time Berth wrote them, ${MOST_TRIES} times: see who else writes them`,
  );
}

/** It was written, and what has become of it can't be seen. */
function asDoubt(error: unknown): never {
  throw error instanceof CloudflareError
    ? new CloudflareError(error.message, { ...error, doubtful: true, cause: error })
    : error;
}

function overtaken({ name }: Tunnel, before: TunnelDocument, written: TunnelDocument): string {
  const lost = written.version - 1;
  return `somebody changed the rules of the tunnel ${name} just while Berth wrote them: Berth read version ${before.version} and wrote version ${written.version}, so what version ${lost} changed may be lost; look at the tunnel's hostnames and repeat that change`;
}
