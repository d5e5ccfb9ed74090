/**
 * The image that tests run: this machine's node and sh with the libraries they need, imported once. It stays, since
 * importing takes seconds and other test runs may be using it; no registry is needed for it.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { pack } from 'tar-stream';

/** Reference of an image with `node` and `/bin/sh` on its path and nothing else. */
export async function tinyImage(): Promise<string> {
  const reference = `berth-test/node:${process.version}`;
  const docker = new Docker();
  if (await has(docker, reference)) return reference;
  // Imported under a name of its own first, so that two runs at once never see half an image.
  const tag = randomBytes(6).toString('hex');
  const tar = await rootFileSystem();
  const progress = await docker.importImage(tar, {
    repo: 'berth-test/importing',
    tag,
    changes: ['CMD ["/bin/sh"]'],
  });
  (progress as Readable).resume();
  await finished(progress as Readable);
  const image = docker.getImage(`berth-test/importing:${tag}`);
  if (!(await has(docker, reference))) await image.tag({ repo: 'berth-test/node', tag: process.version });
  await image.remove();
  return reference;
}

async function has(docker: Docker, reference: string): Promise<boolean> {
  return docker
    .getImage(reference)
    .inspect()
    .then(
      () => true,
      () => false,
    );
}

async function rootFileSystem(): Promise<Readable> {
  const files = new Map([
    ['usr/bin/node', process.execPath],
    ['bin/sh', '/bin/sh'],
  ]);
  for (const library of [...(await libraries(process.execPath)), ...(await libraries('/bin/sh'))]) {
    files.set(library.slice(1), library);
  }
  const tar = pack();
  const write = async () => {
    tar.entry({ name: 'tmp', type: 'directory', mode: 0o1777 });
    for (const [name, path] of files) {
      const { size } = await stat(path);
      await pipeline(createReadStream(await realpath(path)), tar.entry({ name, mode: 0o755, size }));
    }
    tar.finalize();
  };
  write().catch((error) => tar.destroy(error));
  return Readable.from(tar);
}

/** As `ldd` names them: `libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x…)`, and the loader by its path alone. */
async function libraries(program: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ldd', [program]);
  return stdout.split('\n').flatMap((line) => line.match(/(\/\S+) \(0x/)?.[1] ?? []);
}
