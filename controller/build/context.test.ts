import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import tar from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { type MemoryFile, memoryTree } from '../../test/support/memory-tree.ts';
import type { SourceTree } from '../clients/types.ts';
import { buildContext, CONTEXT_LIMITS, type ContextLimits } from './context.ts';
import type { Layout } from './layout.ts';

const OWN: Layout = { prefix: '', dockerfile: 'Dockerfile', files: [], ignore: [] };
const FILES = {
  Dockerfile: 'FROM x',
  'a.txt': 'A',
  'dir/b.sh': { exec: 'B' },
  'dir/l': { link: '/etc/shadow' },
};

interface Sent {
  readonly header: tar.Header;
  readonly body: string;
}

async function unpack(context: Readable): Promise<ReadonlyMap<string, Sent>> {
  const sent = new Map<string, Sent>();
  const extract = tar.extract();
  const reading = pipeline(context, extract);
  reading.catch(() => undefined);
  for await (const entry of extract)
    sent.set(entry.header.name, { header: entry.header, body: await text(entry) });
  await reading;
  return sent;
}

interface Options {
  readonly tree?: SourceTree;
  readonly path?: string;
  readonly layout?: Layout;
  readonly signal?: AbortSignal;
  readonly limits?: Partial<ContextLimits>;
}

function contextOf(files: Readonly<Record<string, MemoryFile>>, options: Options = {}): Readable {
  const {
    tree = memoryTree(files),
    path = '.',
    layout = OWN,
    signal = new AbortController().signal,
  } = options;
  return buildContext({ tree, path, layout, signal, limits: { ...CONTEXT_LIMITS, ...options.limits } });
}

const names = async (context: Readable) => [...(await unpack(context)).keys()].sort();

/** A tree whose archive is a tar made by hand, as Git would refuse to make it. */
function treeOf(headers: readonly Parameters<tar.Pack['entry']>[0][]): SourceTree {
  return {
    ...memoryTree({}),
    archive() {
      const pack = tar.pack();
      for (const header of headers) pack.entry(header, '');
      pack.finalize();
      return Readable.from(pack, { objectMode: false });
    },
  };
}

describe('a build context', () => {
  it('holds the files with their content, exec bits and links, and no times', async () => {
    const sent = await unpack(contextOf(FILES));
    expect([...sent.keys()].sort()).toEqual(['Dockerfile', 'a.txt', 'dir/b.sh', 'dir/l']);
    expect(sent.get('a.txt')).toMatchObject({ body: 'A', header: { mode: 0o644, mtime: new Date(0) } });
    expect(sent.get('dir/b.sh')).toMatchObject({ body: 'B', header: { mode: 0o755 } });
    expect(sent.get('dir/l')).toMatchObject({
      body: '',
      header: { type: 'symlink', linkname: '/etc/shadow' },
    });
  });

  it('is the directory of the path', async () => {
    expect(await names(contextOf(FILES, { path: 'dir' }))).toEqual(['b.sh', 'l']);
  });

  it('is the same bytes each time', async () => {
    expect(await text(contextOf(FILES))).toBe(await text(contextOf(FILES)));
  });

  it('puts the repo below app/ and Berth’s own files beside it, so that nothing clashes', async () => {
    const files = [{ name: 'Dockerfile', content: Buffer.from('ours') }];
    const layout: Layout = { prefix: 'app/', dockerfile: 'Dockerfile', files, ignore: ['dir'] };
    const sent = await unpack(contextOf(FILES, { layout }));
    expect([...sent.keys()].sort()).toEqual(['Dockerfile', 'app/Dockerfile', 'app/a.txt']);
    expect(sent.get('Dockerfile')?.body).toBe('ours');
  });

  it('leaves out what .dockerignore says, but never the Dockerfile and the rules', async () => {
    expect(await names(contextOf({ ...FILES, '.dockerignore': '*\n!dir\ndir/l' }))).toEqual([
      '.dockerignore',
      'Dockerfile',
      'dir/b.sh',
    ]);
  });

  it('prefers the rules of its Dockerfile', async () => {
    const rules = { '.dockerignore': '*', 'Dockerfile.dockerignore': 'dir' };
    expect(await names(contextOf({ ...FILES, ...rules }))).toContain('a.txt');
  });

  it('reads no rules through a link', async () => {
    await expect(unpack(contextOf({ '.dockerignore': { link: '/etc/passwd' } }))).rejects.toThrow(
      /is a link/,
    );
  });

  it.each(['../x', 'a/../x', '/etc/x', '.git/config', 'a/.GIT/config'])(
    'refuses an entry named %s',
    async (name) => {
      await expect(unpack(contextOf({}, { tree: treeOf([{ name }]) }))).rejects.toThrow(
        /can't go into a build/,
      );
    },
  );

  it.each(['link', 'fifo', 'character-device'] as const)('refuses a %s', async (type) => {
    const tree = treeOf([{ name: 'x', type, linkname: 'y' }]);
    await expect(unpack(contextOf({}, { tree }))).rejects.toThrow(/only files, directories and links/);
  });

  it('ends at its limits with an error that says what to do', async () => {
    const many = { a: 'x'.repeat(600), b: 'y'.repeat(600) };
    await expect(unpack(contextOf(many, { limits: { files: 1 } }))).rejects.toThrow(
      /1 files: leave files out/,
    );
    await expect(unpack(contextOf(many, { limits: { bytes: 1_000 } }))).rejects.toThrow(/larger than 0 MB/);
    const endless = { ...memoryTree({}), archive: () => new PassThrough() };
    await expect(unpack(contextOf({}, { tree: endless, limits: { timeMs: 20 } }))).rejects.toThrow(
      /longer than/,
    );
  });

  it('does not count what is left out', async () => {
    const files = { '.dockerignore': 'big', big: 'x'.repeat(5_000), a: '1' };
    expect(await names(contextOf(files, { limits: { bytes: 1_000 } }))).toEqual(['.dockerignore', 'a']);
  });

  it('fails when the archive breaks off', async () => {
    const whole = await text(memoryTree(FILES).archive('.', new AbortController().signal));
    const tree = { ...memoryTree(FILES), archive: () => Readable.from([Buffer.from(whole.slice(0, 1_000))]) };
    await expect(unpack(contextOf({}, { tree }))).rejects.toThrow();
  });

  it('stops the archive when it is cancelled or its reader goes away', async () => {
    let archives = 0;
    const tree: SourceTree = {
      ...memoryTree({}),
      archive(_path, signal) {
        archives += 1;
        const stream = new PassThrough();
        stream.write(Buffer.alloc(0));
        signal.addEventListener('abort', () => {
          archives -= 1;
        });
        return stream;
      },
    };
    const cancel = new AbortController();
    const cancelled = unpack(contextOf({}, { tree, signal: cancel.signal }));
    const left = contextOf({}, { tree });
    left.on('error', () => undefined);
    left.resume();
    await expect.poll(() => archives).toBe(2);
    cancel.abort(new Error('enough'));
    await expect(cancelled).rejects.toThrow();
    left.destroy();
    await expect.poll(() => archives).toBe(0);
  });

  it('holds no more than a few buffers when its reader is slow', async () => {
    let read = 0;
    const tree: SourceTree = {
      ...memoryTree({}),
      archive() {
        const pack = tar.pack();
        const size = 64 * 1024 * 1024;
        const entry = pack.entry({ name: 'big', size });
        const body = Readable.from(
          (function* () {
            for (; read < size; read += 65_536) yield Buffer.alloc(65_536);
          })(),
        );
        pipeline(body, entry).then(
          () => pack.finalize(),
          () => undefined,
        );
        return Readable.from(pack, { objectMode: false });
      },
    };
    const context = contextOf({}, { tree });
    context.on('error', () => undefined);
    await new Promise((done) => context.once('readable', done));
    let before = -1;
    const settled = (): boolean => {
      const same = read === before;
      before = read;
      return same;
    };
    await expect.poll(settled, { interval: 50 }).toBe(true);
    expect(read).toBeLessThan(4 * 1024 * 1024);
    context.destroy();
  });
});
