/** `berth recipient`: the public half of the key that sealed values are opened with; `--new` makes another key first. */
import { addIdentity, newestRecipient, readIdentities } from '../clients/identities.ts';
import { runStep } from '../core/step.ts';
import type { Settings } from '../settings.ts';
import type { Io, JsonOption } from './io.ts';

/** Exit code 0; throws `StalledError` where there is no key, since one that is made in the wrong place opens nothing. */
export async function printRecipient(
  settings: Settings,
  { isNew, json, io }: JsonOption & { readonly isNew: boolean; readonly io: Io },
): Promise<number> {
  const recipient = isNew
    ? await addIdentity(settings, runStep)
    : await newestRecipient(await readIdentities(settings));
  const keys = (await readIdentities(settings)).length;
  io.print(json ? JSON.stringify({ recipient, keys }) : recipient);
  if (isNew && keys > 1 && !json)
    io.complain(
      "what is sealed for older keys still opens; `berth reseal` brings the file's values to this one",
    );
  return 0;
}
