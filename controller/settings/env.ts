/**
 * Where the values come from: the real environment, then `.env`, then `NAME_FILE` for a secret.
 * Also finds names that nothing reads, since a misspelt setting would otherwise be silently off.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { SETTINGS, type Setting, settingNamed } from './table.ts';

export interface Values {
  /** Only names of `SETTINGS`; an empty value counts as not given. */
  readonly values: ReadonlyMap<string, string>;
  readonly errors: readonly string[];
}

/** Bytes; a secret is a line, not a document. */
const MAX_SECRET_FILE = 64 * 1024;

/** Reads `.env` and secret files below `cwd`; what is wrong is told, all of it. */
export function readValues(env: NodeJS.ProcessEnv, cwd: string): Values {
  const errors: string[] = [];
  const all = { ...readDotEnv(cwd, errors), ...env };
  const values = new Map<string, string>();
  for (const setting of SETTINGS) {
    const text = readValue(setting, all, { cwd, errors });
    if (text !== undefined) values.set(setting.name, text);
  }
  for (const name of Object.keys(all).sort()) {
    if (name.startsWith('BERTH_') && settingNamed(name) === undefined) errors.push(...strangerError(name));
  }
  return { values, errors };
}

function readDotEnv(cwd: string, errors: string[]): NodeJS.Dict<string> {
  try {
    return parseEnv(readFileSync(resolve(cwd, '.env'), 'utf8'));
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'ENOENT') errors.push(`.env can't be read (${code}): make it a readable file, or remove it`);
    return {};
  }
}

function readValue(
  setting: Setting,
  all: NodeJS.Dict<string>,
  { cwd, errors }: { cwd: string; errors: string[] },
): string | undefined {
  const { name } = setting;
  const given = all[name];
  if (!setting.secret) return given === '' ? undefined : given;
  if (given === '') {
    // A CI sets other people's variables to nothing; our own would look like protection and be none.
    if (name.startsWith('BERTH_') || name === 'GITHUB_WEBHOOK_SECRET')
      errors.push(`${name} is empty: give it a value, or remove it`);
    return undefined;
  }
  const file = all[`${name}_FILE`];
  if (file === undefined) return given;
  if (given !== undefined) {
    errors.push(`${name} and ${name}_FILE are both set: keep one`);
    return undefined;
  }
  return readSecretFile(name, resolve(cwd, file), errors);
}

function readSecretFile(name: string, path: string, errors: string[]): string | undefined {
  try {
    const bytes = readFileSync(path);
    const text = bytes.toString('utf8').replace(/\r?\n$/, '');
    if (text !== '' && bytes.length <= MAX_SECRET_FILE) return text;
    errors.push(
      `${name}_FILE: ${path} is ${text === '' ? 'empty' : 'over 64 KiB'}: put the value alone in it`,
    );
  } catch (error) {
    errors.push(
      `${name}_FILE: ${path} can't be read (${codeOf(error)}): name a file that this user may read`,
    );
  }
  return undefined;
}

function strangerError(name: string): readonly string[] {
  const base = settingNamed(name.replace(/_FILE$/, ''));
  if (base?.secret) return [];
  if (base) return [`${name}: only a secret may come from a file; set ${base.name} itself`];
  const near = SETTINGS.map((setting) => ({ name: setting.name, distance: distance(name, setting.name) }))
    .filter((candidate) => candidate.distance <= 3)
    .sort((a, b) => a.distance - b.distance)[0];
  return [`${name} is not a setting: ${near ? `did you mean ${near.name}?` : 'remove it'}`];
}

/** Levenshtein's edit distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
