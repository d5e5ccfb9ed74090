/**
 * Python: packages of `requirements.txt` or `pyproject.toml`, started by the server that is listed there (uvicorn,
 * gunicorn) on `app` of the entry file, or by running the entry file itself, which then has to heed `PORT`.
 */
import { StalledError } from '../core/errors.ts';
import type { BuildSpec } from '../core/types.ts';
import { PYTHON_BASE } from './bases.ts';
import type { Directory } from './directory.ts';
import type { PresetPlan } from './plan.ts';

const ENTRIES = ['app.py', 'main.py', 'wsgi.py'];

/** The plan for a directory that looks like Python. Throws StalledError when nothing in it can be started. */
export async function analyzePython(directory: Directory, build: BuildSpec): Promise<PresetPlan | undefined> {
  const manifest = ['requirements.txt', 'pyproject.toml'].find((name) => directory.has(name));
  const entry = ENTRIES.find((name) => directory.has(name));
  if (manifest === undefined && entry === undefined) return undefined;
  const listed = manifest === undefined ? '' : ((await directory.read(manifest)) ?? '');
  const fallback =
    manifest === 'pyproject.toml'
      ? 'pip install --no-cache-dir .'
      : 'pip install --no-cache-dir -r requirements.txt';
  const install = build.install ?? (manifest === undefined ? '' : fallback);
  const start = entry === undefined ? undefined : await startCommand(directory, entry, listed);
  if (start === undefined && build.preset !== 'python') {
    throw new StalledError(
      `${manifest} is there but none of ${ENTRIES.join(', ')}: add one, or set build.preset: python and start`,
    );
  }
  return {
    kind: 'preset',
    recipe: {
      preset: 'python',
      bases: { python: PYTHON_BASE },
      manifests: manifest === 'requirements.txt' && build.install === undefined ? ['requirements.txt'] : [],
      args: Object.keys(build.args ?? {}).sort(),
      ...(install ? { install } : {}),
      ...(build.command ? { build: build.command } : {}),
      ...(start ? { start: ['sh', '-c', `exec ${start}`] } : {}),
      ignore: ['**/__pycache__', '.venv', 'venv'],
    },
    summary: ['python 3.12', install, build.command, start ?? 'start of the file'].filter(Boolean).join(', '),
  };
}

async function startCommand(directory: Directory, entry: string, listed: string): Promise<string> {
  const module = entry.replace(/\.py$/, '');
  const lists = (name: string): boolean => new RegExp(`(^|["'\\s])${name}\\b`, 'm').test(listed);
  if (lists('uvicorn')) return `uvicorn ${module}:app --host 0.0.0.0 --port "$PORT"`;
  if (!lists('gunicorn')) return `python ${entry}`;
  const named = /^application\s*=/m.test((await directory.read(entry)) ?? '') ? 'application' : 'app';
  return `gunicorn --bind "0.0.0.0:$PORT" ${module}:${named}`;
}
