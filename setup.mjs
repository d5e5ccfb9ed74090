/**
 * Makes a bare clone runnable: node modules, the build, and git, nginx and the container engine of the machine.
 * `npm start` and `npm test` run it first. When all is there it does nothing and says nothing.
 * What is missing is installed and started where that is safe to do alone (root, Debian family), each step in a line;
 * elsewhere the exact commands are printed. It has no packages to lean on: it is what brings them.
 *
 *   node setup.mjs [--build | --test]     --build: only modules and build; --test: also what only the tests need
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { prepareMachine } from './scripts/machine.mjs';
import { ROOT, run, Stop, say, which } from './scripts/run-quietly.mjs';

try {
  installModules();
  build();
  if (!process.argv.includes('--build')) await prepareMachine({ forTests: process.argv.includes('--test') });
} catch (error) {
  if (!(error instanceof Stop)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

function installModules() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    throw new Stop(`node ${process.version} is too old: install 20.19 or newer`);
  const lock = read('package-lock.json');
  const stamp = 'node_modules/.berth-stamp';
  if (read(stamp) === digest([lock])) return;
  if (!agrees(lock, read('node_modules/.package-lock.json'))) {
    say('installing node modules (npm ci)');
    run('npm', ['ci', '--include=dev', '--no-progress', '--loglevel=error'], 'npm ci failed');
  }
  fs.writeFileSync(join(ROOT, stamp), digest([lock]));
}

/** Is what npm says it installed exactly what the lock asks for? Then somebody ran npm before us. */
function agrees(lock, installed) {
  if (!installed) return false;
  const have = JSON.parse(installed).packages;
  return Object.entries(JSON.parse(lock).packages).every(
    ([path, want]) =>
      path === '' || (have[path] ? have[path].version === want.version : want.optional === true),
  );
}

function build() {
  const sources = fs
    .readdirSync(join(ROOT, 'controller'), { recursive: true })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .sort()
    .map((name) => `controller/${name}`);
  const now = digest(
    [...sources, 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'].flatMap((f) => [f, read(f)]),
  );
  if (read('dist/.stamp') === now && fs.existsSync(join(ROOT, 'dist/main.js'))) return;
  say('building (npm run build)');
  const command = ['npm', 'run', '--silent', 'build'];
  const [file, ...args] = which('flock') ? ['flock', 'node_modules/.berth-build', ...command] : command;
  run(file, args, 'the build failed');
  fs.chmodSync(join(ROOT, 'dist/main.js'), 0o755);
  fs.writeFileSync(join(ROOT, 'dist/.stamp'), now);
}

function read(path) {
  try {
    return fs.readFileSync(join(ROOT, path), 'utf8');
  } catch {
    return '';
  }
}

function digest(parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:${part}`);
  return hash.digest('hex');
}
