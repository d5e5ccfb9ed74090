/**
 * The machine's part of the setup: git, nginx and the container engine. What is missing is installed and started as
 * root on a Debian-family system; elsewhere the exact commands are told.
 */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseEnv } from 'node:util';
import { ENV, output, quietly, run, Stop, say, which } from './run-quietly.mjs';

const ENGINE_WAIT_MS = 60_000;
/** Where the engine that this script can start would answer. */
const STANDARD_SOCKETS = ['/var/run/docker.sock', '/run/docker.sock'];

/** Throws `Stop` with what a person must do, where it can't be done from here. Asks the engine once when all is well. */
export async function prepareMachine(options) {
  const packages = missingPackages(options);
  const engine = await askEngine();
  if (engine.ok && packages.length === 0) return;
  if (engine.why === 'EACCES')
    throw new Stop(
      `this user may not use the engine at ${engine.path}. Run, then log in again:\n  sudo usermod -aG docker ${process.env.USER ?? '$USER'}`,
    );
  if (!engine.ok && !STANDARD_SOCKETS.includes(engine.path))
    throw new Stop(
      `no container engine answers at ${engine.host} (${engine.why}): start it, or mend DOCKER_HOST`,
    );
  if (!engine.ok && !which('dockerd')) packages.push(...enginePackages());
  const root = process.getuid?.() === 0;
  if (!root || (packages.length > 0 && !isDebian())) throw new Stop(instructions(packages, engine));
  if (packages.length > 0) installPackages(packages);
  if (!(await askEngine()).ok) await startEngine();
  const left = missingPackages(options);
  if (left.length > 0) throw new Stop(`still missing after the installation: ${left.join(', ')}`);
}

/** Debian's names of what is not there. */
function missingPackages({ forTests }) {
  const packages = [];
  const [, major, minor] = /(\d+)\.(\d+)/.exec(which('git') ? output('git', ['--version']) : '') ?? [];
  // 2.37 is the first git that can be told which address a host has (http.curloptResolve).
  if (!(Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 37)))
    packages.push('git', 'ca-certificates');
  if (!which('nginx')) packages.push('nginx');
  if (!which('flock')) packages.push('util-linux');
  if (forTests && which('git') && packages[0] !== 'git') {
    if (!fs.existsSync(join(output('git', ['--exec-path']).trim(), 'git-http-backend'))) packages.push('git');
  }
  return packages;
}

/** A kernel with AppArmor needs its parser, or the engine can start no container. */
function enginePackages() {
  const parser = fs.existsSync('/sys/module/apparmor/parameters/enabled') && !which('apparmor_parser');
  return parser ? ['docker.io', 'apparmor'] : ['docker.io'];
}

function askEngine() {
  const host = process.env.DOCKER_HOST || dotEnv().DOCKER_HOST || '/var/run/docker.sock';
  const path = host.startsWith('/') ? host : /^unix:\/\/(\/.*)/.exec(host)?.[1];
  const url = !path && URL.canParse(host) ? new URL(host.replace(/^tcp:/, 'http:')) : undefined;
  if (!path && url?.protocol !== 'http:') return { ok: false, host, why: 'not a path, unix:// or tcp://' };
  const where = path ? { socketPath: path } : { host: url.hostname, port: url.port || 2375 };
  return new Promise((resolve) => {
    const end = (ok, why) => resolve({ ok, why, host, path });
    const ask = request({ ...where, path: '/_ping', timeout: 3000, agent: false }, (answer) => {
      answer.resume();
      end(answer.statusCode === 200, `status ${answer.statusCode}`);
    });
    ask.on('timeout', () => ask.destroy(new Error('no answer in 3 s')));
    ask.on('error', (error) => end(false, error.code ?? error.message));
    ask.end();
  });
}

function installPackages(packages) {
  say(`installing ${packages.join(', ')} (apt-get)`);
  const allow = forbidStarts();
  try {
    run('apt-get', ['update', '-q'], 'apt-get update failed');
    const options = ['-y', '-q', '--no-install-recommends', '-o', 'Dpkg::Options::=--force-confold'];
    run('apt-get', ['install', ...options, ...packages], 'apt-get install failed');
  } finally {
    allow();
  }
  if (packages.includes('nginx')) disableNginx();
}

/**
 * Keeps packages from starting what they bring, by Debian's own switch for it: nginx would take port 80, and an engine
 * that can't start in its usual way (in a container, say) would fail the whole installation. Undone by what it returns.
 */
function forbidStarts() {
  const policy = '/usr/sbin/policy-rc.d';
  if (fs.existsSync(policy)) return () => undefined;
  // An interrupt ends apt-get; we stay to take the policy away again.
  process.once('SIGINT', () => undefined);
  fs.writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  return () => fs.rmSync(policy, { force: true });
}

/** The package would have its own nginx started at each boot. Berth only needs the program. */
function disableNginx() {
  say('leaving the system-wide nginx service off: berth starts its own');
  if (which('systemctl')) quietly('systemctl', ['disable', 'nginx']);
  else quietly('update-rc.d', ['nginx', 'disable']);
}

async function startEngine() {
  const ways = [];
  if (fs.existsSync('/run/systemd/system')) ways.push(['systemctl', 'start', 'docker']);
  else if (fs.existsSync('/etc/init.d/docker') && which('service')) ways.push(['service', 'docker', 'start']);
  if (which('dockerd')) ways.push(['dockerd']);
  for (const [file, ...args] of ways) {
    say(`starting the container engine (${[file, ...args].join(' ')})`);
    if (args.length === 0) spawnDaemon(file);
    else if (quietly(file, args).status !== 0) continue;
    for (const deadline = Date.now() + ENGINE_WAIT_MS; Date.now() < deadline; ) {
      if ((await askEngine()).ok) return;
      await sleep(200);
    }
  }
  throw new Stop(
    'the container engine does not answer: `dockerd` in a terminal says why, or /var/log/dockerd.log',
  );
}

function spawnDaemon(file) {
  const fd = fs.openSync('/var/log/dockerd.log', 'a', 0o640);
  spawn(file, [], { env: ENV, cwd: '/', detached: true, stdio: ['ignore', fd, fd] }).unref();
  fs.closeSync(fd);
}

/** What a person must run where this script may not, or can't. */
function instructions(packages, engine) {
  const names = packages.map((name) => (name === 'docker.io' ? 'a container engine' : name));
  if (!engine.ok && !packages.includes('docker.io')) names.push(`an answer of the engine at ${engine.path}`);
  const commands = [];
  if (packages.length > 0) commands.push(...installCommands(packages));
  if (packages.includes('nginx') && which('systemctl')) commands.push('systemctl disable --now nginx');
  if (!engine.ok) commands.push(which('systemctl') ? 'systemctl start docker' : 'service docker start');
  const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
  const lines = commands.map((command) => `  ${sudo}${command}`);
  return [`berth needs what is not here: ${names.join(', ')}. Run, then try again:`, ...lines].join('\n');
}

function installCommands(packages) {
  if (isDebian())
    return ['apt-get update', `apt-get install -y --no-install-recommends ${packages.join(' ')}`];
  const plain = packages.filter((name) => name !== 'apparmor');
  if (which('dnf')) return [`dnf install -y ${plain.join(' ').replace('docker.io', 'moby-engine')}`];
  if (which('apk')) return [`apk add ${plain.join(' ').replace('docker.io', 'docker')}`];
  if (which('pacman')) return [`pacman -S --needed ${plain.join(' ').replace('docker.io', 'docker')}`];
  return [`(with this system's package manager) ${plain.join(' ').replace('docker.io', 'docker')}`];
}

function isDebian() {
  return fs.existsSync('/etc/debian_version') && which('apt-get') !== undefined;
}

function dotEnv() {
  try {
    return parseEnv(fs.readFileSync('.env', 'utf8'));
  } catch {
    return {};
  }
}
