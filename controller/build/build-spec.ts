/** What a `build:` of the file may say. Checked again here, right before it is used, whoever wrote it. */
import { StalledError } from '../core/errors.ts';
import type { BuildSpec } from '../core/types.ts';

/** One word of a path that is safe in a Dockerfile: no variable, wildcard, quote or space. */
const PATH_PART = /^[A-Za-z0-9._@+-]+$/;
const ARG_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const COMMAND_MAX_CHARS = 4096;

/** Throws StalledError for what could leave the directory or add an instruction to a Dockerfile. */
export function checkBuildSpec(build: BuildSpec): void {
  if (build.dockerfile !== undefined && build.preset !== undefined) {
    throw new StalledError('build names both a dockerfile and a preset: keep one of them');
  }
  if (build.dockerfile !== undefined) checkPath('build.dockerfile', build.dockerfile);
  if (build.output !== undefined) checkPath('build.output', build.output);
  if (build.install !== undefined) checkCommand('build.install', build.install);
  if (build.command !== undefined) checkCommand('build.command', build.command);
  if (build.target !== undefined && !PATH_PART.test(build.target)) {
    throw new StalledError('build.target must be the name of a stage: letters, digits, dots, dashes');
  }
  for (const name of Object.keys(build.args ?? {})) {
    if (!ARG_NAME.test(name))
      throw new StalledError(`build.args: ${JSON.stringify(name)} is not a variable name`);
  }
}

function checkPath(field: string, path: string): void {
  const parts = path.replace(/\/$/, '').split('/');
  if (path.startsWith('/') || parts.includes('..')) {
    throw new StalledError(`${field} must be a path below the service's path, without ..`);
  }
  if (parts.some((part) => part.toLowerCase() === '.git'))
    throw new StalledError(`${field} can't lie in .git`);
  if (!parts.every((part) => PATH_PART.test(part))) {
    throw new StalledError(`${field} may hold letters, digits and . _ @ + - / only`);
  }
}

/** A command runs in the build's container as `["sh", "-c", …]`. Throws StalledError for one that isn't one line. */
export function checkCommand(field: string, command: string): void {
  if (/[\x00-\x08\x0a-\x1f\x7f\u2028\u2029]/.test(command)) {
    throw new StalledError(`${field} must be one line without control characters: join commands with &&`);
  }
  if (command.length > COMMAND_MAX_CHARS) {
    throw new StalledError(`${field} is longer than ${COMMAND_MAX_CHARS} characters: put it in a script`);
  }
}
