/** `berth doctor`: looks at everything a controller needs, changes nothing, and says how to mend what is bad. */

import type { Settings } from '../settings.ts';
import { checks } from './doctor-checks.ts';
import type { Finding } from './finding.ts';
import type { Io, JsonOption } from './io.ts';

/** 0 when all is well, else 1. */
export async function doctor(
  settings: Settings,
  { json, io }: JsonOption & { readonly io: Io },
): Promise<number> {
  const findings = await Promise.all(checks(settings, io.env).map((check) => check()));
  const ok = findings.every((finding) => finding.ok);
  if (json) io.print(JSON.stringify({ ok, findings }));
  else for (const finding of findings) io.print(lineOf(finding));
  return ok ? 0 : 1;
}

function lineOf({ name, ok, found, mend }: Finding): string {
  const line = `${ok ? 'ok ' : 'bad'}  ${name.padEnd(11)}  ${found}`;
  return mend === undefined ? line : `${line}: ${mend}`;
}
