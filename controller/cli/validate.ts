/** `berth validate [file]`: every error of a file, as the loop would see it. */
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { StalledError } from '../core/errors.ts';
import { parseManifest } from '../manifest/parse.ts';
import { manifestRules } from '../settings/rules.ts';
import type { Settings } from '../settings.ts';
import type { Io, JsonOption } from './io.ts';

/** One byte more than a file may have, so that the parser still says that it is too big. */
const MAX_READ_BYTES = 2 ** 20 + 1;

/** 0 when nothing is wrong (warnings are not), else 1. `file` is relative to the working directory. */
export async function validate(
  settings: Settings,
  { file, json, io }: JsonOption & { readonly file: string; readonly io: Io },
): Promise<number> {
  const name = file || settings.configFile;
  const { manifest, problems } = parseManifest(
    await readStart(resolve(io.cwd, name)),
    manifestRules(settings, name),
  );
  const warnings = manifest?.warnings ?? [];
  if (json) {
    io.print(JSON.stringify({ ok: problems.length === 0, problems, warnings }));
  } else {
    for (const problem of problems) io.complain(problem.message);
    for (const warning of warnings) io.complain(`warning: ${warning.message}`);
    if (problems.length === 0) io.print(`${name}: ${count(manifest?.deployments.length ?? 0)}, no errors`);
  }
  return problems.length === 0 ? 0 : 1;
}

async function readStart(path: string): Promise<Buffer> {
  try {
    const handle = await open(path);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_READ_BYTES), 0, MAX_READ_BYTES, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : cause;
    throw new StalledError(`${path} can't be read (${code}): name the file to check`, { cause });
  }
}

function count(deployments: number): string {
  return deployments === 1 ? '1 deployment' : `${deployments} deployments`;
}
