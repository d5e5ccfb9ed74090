/**
 * A root file system out of this machine: node, npm, a shell, the few commands that npm scripts lean on, the shared
 * libraries of all of them, CA certificates and a `node` user. Programs keep their real path; their names in the
 * usual directories are links to it.
 */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, lstat, readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import tar from 'tar-stream';
import { StalledError } from '../core/errors.ts';

export interface Rootfs {
  readonly tar: Readable;
  /** Environment of the image. */
  readonly env: Readonly<Record<string, string>>;
}

const BIN_DIRS = ['/usr/local/bin', '/usr/bin', '/bin'];
/** Left out where the machine lacks them; `sh` and `env` are vital. */
const COMMANDS = (
  'env cat chmod chown cp cut date dirname basename echo false find grep head id ln ls mkdir mktemp mv nproc ' +
  'printf pwd readlink realpath rm rmdir sed seq sleep sort tail tee test touch tr true uname uniq wc which xargs'
).split(' ');
const CA_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
];
const CA_IN_IMAGE = '/etc/ssl/certs/ca-certificates.crt';
/** Debian's own nodejs package keeps npm, and parts of node itself, here. */
const DEBIAN_NODE_DIR = '/usr/share/nodejs';

interface Entry {
  readonly name: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly directory?: true;
  readonly link?: string;
  readonly content?: Buffer;
  /** Path on this machine. */
  readonly file?: string;
}

/** Throws StalledError when this machine's runtime can't be put together (no npm, say). */
export async function nodeRootfs(): Promise<Rootfs> {
  const shell = await realpath('/bin/sh');
  const named = await Promise.all(COMMANDS.map(async (name) => [name, await findCommand(name)] as const));
  const commands = named.filter((pair): pair is [string, string] => pair[1] !== undefined);
  const npm = await npmEntries();
  const ca = await firstReadable(CA_BUNDLES);
  const programs = [...new Set([shell, ...commands.map(([, path]) => path)])];
  const entries: Entry[] = [
    ...skeleton(),
    ...(ca === undefined ? [] : [{ name: CA_IN_IMAGE, file: ca }]),
    { name: '/usr/local/bin/node', file: process.execPath, mode: 0o755 },
    ...programs.filter((path) => path !== '/bin/sh').map((path) => ({ name: path, file: path, mode: 0o755 })),
    ...(shell === '/bin/sh'
      ? [{ name: '/bin/sh', file: shell, mode: 0o755 }]
      : [{ name: '/bin/sh', link: shell }]),
    ...commands
      .filter(([name, path]) => path !== `/usr/bin/${name}`)
      .map(([name, path]) => ({ name: `/usr/bin/${name}`, link: path })),
    ...(await libraries([process.execPath, ...programs])).map((path) => ({
      name: path,
      file: path,
      mode: 0o755,
    })),
    ...npm,
  ];
  const env = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    NODE_VERSION: process.versions.node,
    ...(ca === undefined ? {} : { NODE_EXTRA_CA_CERTS: CA_IN_IMAGE, SSL_CERT_FILE: CA_IN_IMAGE }),
  };
  return { tar: pack(entries), env };
}

function skeleton(): readonly Entry[] {
  const directory = (name: string, mode = 0o755, uid = 0): Entry => ({ name, directory: true, mode, uid });
  const text = (name: string, lines: readonly string[]): Entry => ({
    name,
    content: Buffer.from(`${lines.join('\n')}\n`),
  });
  return [
    ...['/bin', '/dev', '/etc', '/home', '/lib', '/proc', '/root', '/run', '/sys', '/usr', '/var'].map(
      (name) => directory(name),
    ),
    directory('/tmp', 0o1777),
    directory('/home/node', 0o755, 1000),
    text('/etc/passwd', [
      'root:x:0:0:root:/root:/bin/sh',
      'node:x:1000:1000::/home/node:/bin/sh',
      'nobody:x:65534:65534:nobody:/nonexistent:/bin/false',
    ]),
    text('/etc/group', ['root:x:0:', 'node:x:1000:', 'nogroup:x:65534:']),
    text('/etc/nsswitch.conf', ['passwd: files', 'group: files', 'hosts: files dns']),
  ];
}

async function findCommand(name: string): Promise<string | undefined> {
  const found = await firstReadable(
    BIN_DIRS.map((dir) => join(dir, name)),
    constants.X_OK,
  );
  return found === undefined ? undefined : realpath(found);
}

async function firstReadable(paths: readonly string[], mode = constants.R_OK): Promise<string | undefined> {
  for (const path of paths) {
    const readable = await access(path, mode).then(
      () => true,
      () => false,
    );
    if (readable) return path;
  }
  return undefined;
}

/** What the loader reports; glibc's name service modules are loaded later and stand beside libc where they are separate. */
async function libraries(programs: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)('ldd', [...programs]).catch((error: { stdout?: string }) => ({
    stdout: error.stdout ?? '', // A script or a static program among them makes ldd fail after it told the others.
  }));
  const found = new Set(
    [...stdout.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].flatMap((match) => match[1] ?? []),
  );
  const libc = [...found].find((path) => basename(path) === 'libc.so.6');
  for (const name of libc === undefined ? [] : ['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2']) {
    const path = await firstReadable([join(dirname(libc ?? '/'), name)]);
    if (path !== undefined) found.add(path);
  }
  return [...found];
}

async function npmEntries(): Promise<readonly Entry[]> {
  const cli = await firstReadable([dirname(process.execPath), ...BIN_DIRS].map((dir) => join(dir, 'npm')));
  if (cli === undefined)
    throw new StalledError('npm was not found on this machine, so no base image can be made: install npm');
  const root = dirname(dirname(await realpath(cli)));
  if (root.startsWith(DEBIAN_NODE_DIR)) {
    return [...(await below(DEBIAN_NODE_DIR, DEBIAN_NODE_DIR)), ...npmLinks(root)];
  }
  const home = '/usr/local/lib/node_modules/npm';
  return [...(await below(root, home)), ...npmLinks(home)];
}

function npmLinks(root: string): readonly Entry[] {
  return ['npm', 'npx'].map((name) => ({
    name: `/usr/local/bin/${name}`,
    link: `${root}/bin/${name}-cli.js`,
  }));
}

async function below(dir: string, name: string): Promise<readonly Entry[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const kept = entries.filter((entry) => entry.isFile() || entry.isSymbolicLink());
  return Promise.all(
    kept.map(async (entry) => {
      const file = join(entry.parentPath, entry.name);
      const inside = name + file.slice(dir.length);
      if (entry.isSymbolicLink()) return { name: inside, link: await readlink(file) };
      return { name: inside, file, mode: (await lstat(file)).mode & 0o777 };
    }),
  );
}

function pack(entries: readonly Entry[]): Readable {
  const out = tar.pack();
  const fill = async (): Promise<void> => {
    for (const entry of entries) await add(out, entry);
    out.finalize();
  };
  fill().catch((error: Error) => out.destroy(error));
  return Readable.from(out, { objectMode: false });
}

async function add(out: tar.Pack, entry: Entry): Promise<void> {
  const common = { name: entry.name.slice(1), mtime: new Date(0), uid: entry.uid ?? 0, gid: entry.uid ?? 0 };
  if (entry.directory) {
    out.entry({ ...common, type: 'directory', mode: entry.mode ?? 0o755 });
  } else if (entry.link !== undefined) {
    out.entry({ ...common, type: 'symlink', linkname: entry.link });
  } else {
    const content = entry.content ?? (await readFile(entry.file ?? ''));
    await pipeline(
      Readable.from([content]),
      out.entry({ ...common, mode: entry.mode ?? 0o644, size: content.length }),
    );
  }
}
