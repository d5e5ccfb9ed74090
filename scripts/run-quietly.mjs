/** Runs the programs that the setup needs, so that nothing is printed unless it fails. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Of the clone. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** A user's PATH often lacks the directories that daemons live in. */
const PATHS = [...new Set([...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'])].filter(
  Boolean,
);

export const ENV = { ...process.env, PATH: PATHS.join(delimiter), DEBIAN_FRONTEND: 'noninteractive' };

/** Ends the setup with a message for a person. */
export class Stop extends Error {}

export function say(line) {
  console.log(`setup: ${line}`);
}

/** Path of a program, or undefined. */
export function which(name) {
  return PATHS.map((dir) => join(dir, name)).find((path) =>
    fs.statSync(path, { throwIfNoEntry: false })?.isFile(),
  );
}

/** Runs to the end; a failure ends the setup with the last of its output. */
export function run(file, args, complaint) {
  const { status, words } = quietly(file, args);
  if (status !== 0) throw new Stop(`${words}\n${complaint}`);
}

/**
 * Runs to the end and gives the last lines of its output. They go through a file, not a pipe: a daemon that the
 * program starts would keep a pipe open, and us waiting for ever.
 */
export function quietly(file, args) {
  const dir = fs.mkdtempSync(join(tmpdir(), 'berth-setup-'));
  const log = join(dir, 'log');
  try {
    const fd = fs.openSync(log, 'wx', 0o600);
    const { status, error } = spawnSync(file, args, { cwd: ROOT, env: ENV, stdio: ['ignore', fd, fd] });
    fs.closeSync(fd);
    const lines = fs.readFileSync(log, 'utf8').trim().split('\n').slice(-30);
    return { status, words: error ? error.message : lines.join('\n') };
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

/** What a quick program prints, empty when it fails. */
export function output(file, args) {
  return (
    spawnSync(file, args, { env: ENV, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).stdout ?? ''
  );
}
