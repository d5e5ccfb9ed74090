import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as forward } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { writeCaBundle } from '../../controller/clients/git/ca.ts';
import { createSources, type SourcesOptions } from '../../controller/clients/git/sources.ts';
import type { SourceHead, SourceQuery, Sources } from '../../controller/clients/types.ts';
import { StalledError, TransientError } from '../../controller/core/errors.ts';
import { runStep } from '../../controller/core/step.ts';
import { type GitServer, startCanary, startGitServer } from '../support/git-server.ts';
import { LFS_POINTER, makeRepo, type TestRepo } from '../support/make-repo.ts';

let root: string;
let server: GitServer;
let blog: TestRepo;
let sources: Sources;
let steps: string[];
let changes: number;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'berth-sources-'));
  server = await startGitServer(join(root, 'served'));
  blog = makeRepo(join(root, 'served/blog'));
  steps = [];
  changes = 0;
  sources = open();
});

afterEach(async () => {
  await sources.close();
  await server.close();
  rmSync(root, { recursive: true, force: true });
});

function open(options: Partial<SourcesOptions> = {}): Sources {
  return createSources({
    dir: join(root, 'sources'),
    gitAllow: ['127.0.0.1'],
    step: (label, effect) => {
      steps.push(label.replace(server.origin, ''));
      return runStep(label, effect);
    },
    onChange: () => {
      changes += 1;
    },
    ...options,
  });
}

const ask = (query: Partial<SourceQuery> = {}): SourceHead =>
  sources.head({ repo: `${server.url}/blog`, ref: {}, path: '.', ...query });

async function headOf(query: Partial<SourceQuery> = {}): Promise<SourceHead> {
  ask(query);
  await sources.settle(AbortSignal.timeout(60_000));
  return ask(query);
}

async function errorOf(query: Partial<SourceQuery> = {}): Promise<Error> {
  const head = await headOf(query);
  if (head.state !== 'failed') throw new Error(`expected a failure, got ${JSON.stringify(head)}`);
  return head.error;
}

async function text(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const never = new AbortController().signal;

describe('heads', () => {
  it('answers pending at first, then the head of the default branch, and says that it changed', async () => {
    const commit = blog.commit({ 'index.html': 'hi' });
    expect(ask()).toEqual({ state: 'pending' });
    expect(await headOf()).toEqual({
      state: 'known',
      commit,
      tree: blog.git('rev-parse', `${commit}^{tree}`),
    });
    expect(changes).toBe(1);
  });

  it('makes one list and one fetch for all services of a repo, and one list per poll when nothing changed', async () => {
    blog.commit({ 'a/x': '1', 'b/x': '2' });
    ask({ path: 'a' });
    ask({ path: 'b' });
    await headOf();
    expect(server.requests).toHaveLength(2 + 2);
    expect(steps).toHaveLength(1);
    server.requests.length = 0;
    await sources.poll();
    expect(server.requests).toEqual(['GET /blog/info/refs', 'POST /blog/git-upload-pack']);
    expect([steps.length, changes]).toEqual([1, 1]);
  });

  it('keeps the tree of a path that a push left alone', async () => {
    blog.commit({ 'app/x': '1', readme: '1' });
    const before = await headOf({ path: 'app' });
    const commit = blog.commit({ 'app/x': '1', readme: '2' });
    await sources.poll();
    expect(ask({ path: 'app' })).toEqual({ ...before, commit });
    expect(changes).toBe(2);
  });

  it('finds branches, tags (annotated ones too, and one with a branch’s name) and commits', async () => {
    const first = blog.commit({ x: '1' });
    const second = blog.commit({ x: '2' });
    blog.tag('v1', first, { annotated: true });
    blog.tag('main', first);
    const wanted = [{ tag: 'v1' }, { tag: 'main' }, { branch: 'main' }, { commit: first }] as const;
    for (const ref of wanted) ask({ ref });
    const heads = await Promise.all(wanted.map((ref) => headOf({ ref })));
    expect(heads.map((head) => head.state === 'known' && head.commit)).toEqual([first, first, second, first]);
  });

  it('asks nothing of the remote for a commit that is there', async () => {
    const commit = blog.commit({ x: '1' });
    await headOf({ ref: { commit } });
    server.requests.length = 0;
    await sources.poll();
    expect(server.requests).toEqual([]);
  });

  it('follows a force-push to unrelated history', async () => {
    blog.commit({ x: '1' });
    await headOf();
    const commit = blog.commit({ y: '1' }, { orphan: true });
    await sources.poll(`${server.url}/BLOG.git`);
    expect(ask()).toMatchObject({ state: 'known', commit });
  });

  it('looks again when asked while a look is under way', async () => {
    blog.commit({ x: '1' });
    ask();
    const commit = blog.commit({ x: '2' });
    await sources.poll();
    expect(ask()).toMatchObject({ commit });
  });
});

describe('what the file names and the repo lacks', () => {
  it.each([
    [{ ref: { branch: 'nope' } }, 'has no branch "nope"; there is dev, main'],
    [{ ref: { branch: '--help' } }, 'has no branch "--help"'],
    [{ ref: { branch: 'a..b' } }, 'has no branch "a..b"'],
    [{ ref: { branch: 'refs/heads/main' } }, 'has no branch "refs/heads/main"'],
    [{ ref: { branch: 'HEAD' } }, 'has no branch "HEAD"'],
    [{ ref: { tag: 'v9' } }, 'has no tag "v9"; there is v1'],
    [{ ref: { commit: 'abc1234' } }, 'must be all 40 hex digits'],
    [{ ref: { commit: 'f'.repeat(40) } }, 'the commit is not there'],
    [{ path: 'nope' }, 'there is no directory nope'],
    [{ path: 'file' }, 'file is a file, not a directory'],
    [{ path: 'link' }, 'link is a symbolic link, not a directory'],
    [{ path: 'link/below' }, 'there is no directory link/below'],
    [{ path: ':(top)file' }, 'there is no directory :(top)file'],
  ])('stalls for %j', async (query, sentence) => {
    const commit = blog.commit({ file: '1', link: { link: '/' } });
    blog.commit({ x: '1' }, { branch: 'dev' });
    blog.tag('v1', commit);
    const error = await errorOf(query);
    expect(error).toBeInstanceOf(StalledError);
    expect(error.message).toContain(sentence);
  });

  it('does not take an empty repo for anything', async () => {
    expect((await errorOf()).message).toContain('shows no branches');
  });
});

describe('a remote in trouble', () => {
  const faults = [
    ['html', TransientError, 'shows no branches'],
    ['not found', StalledError, 'private or misspelt'],
    ['unauthorized', StalledError, 'private or misspelt'],
    ['forbidden', StalledError, 'private or misspelt'],
    ['server error', TransientError, '503'],
    ['empty refs', TransientError, 'shows no branches'],
    ['truncated', TransientError, 'expected flush'],
    ['reset', TransientError, ''],
    ['stall', TransientError, 'took too long'],
    ['drip', TransientError, 'took too long'],
  ] as const;

  it.each(faults)('%s keeps the last head and says so', async (fault, type, sentence) => {
    sources = open({ limits: { lookMs: 1500 } });
    blog.commit({ x: '1' });
    const last = await headOf();
    server.fault = fault;
    await sources.poll();
    const head = ask();
    if (head.state !== 'failed') throw new Error(head.state);
    expect(head.error).toBeInstanceOf(type);
    expect(head.error.message).toContain(sentence);
    expect({ state: 'known', ...head.last }).toEqual(last);
    server.fault = undefined;
    await sources.poll();
    expect(ask()).toEqual(last);
  });

  it('down keeps the last head', async () => {
    blog.commit({ x: '1' });
    const last = await headOf();
    await server.close();
    await sources.poll();
    const head = ask();
    expect(head).toMatchObject({ state: 'failed', error: expect.any(TransientError) });
    expect(head.state === 'failed' && { state: 'known', ...head.last }).toEqual(last);
  });

  it('delays no other repo when four stall', async () => {
    const stalling = await startGitServer(root);
    stalling.fault = 'stall';
    sources = open({ limits: { lookMs: 3000 } });
    for (const name of ['a', 'b', 'c', 'd']) ask({ repo: `${stalling.url}/${name}` });
    await sources.settle(never);
    blog.commit({ x: '1' });
    void sources.poll();
    const asked = Date.now();
    ask();
    while (ask().state === 'pending' && Date.now() - asked < 2500)
      await new Promise((r) => setTimeout(r, 20));
    expect(ask().state).toBe('known');
    await sources.close();
    await stalling.close();
  });

  it('a repo that grows past the limit while it comes is stopped, and leaves nothing', async () => {
    sources = open({ limits: { maxBytes: 200_000 } });
    blog.commit({ big: randomBytes(2_000_000) });
    server.packBytesPerSecond = 1_000_000;
    const error = await errorOf();
    expect(error).toBeInstanceOf(StalledError);
    expect(error.message).toContain('is larger than');
    expect(packsOf(root).filter((name) => name.includes('pack-'))).toEqual([]);
    await sources.poll();
    expect(steps).toHaveLength(1);
    const commit = blog.commit({ small: 'x' });
    await sources.poll();
    expect(ask()).toMatchObject({ state: 'known', commit });
  });

  it('a fetch that takes too long is given up, and the next one works', async () => {
    sources = open({ limits: { fetchMs: 700 } });
    const commit = blog.commit({ big: randomBytes(1_000_000) });
    server.packBytesPerSecond = 100_000;
    const error = await errorOf();
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toContain('not fetched within 0.7 s');
    server.packBytesPerSecond = undefined;
    await sources.poll();
    expect(ask()).toMatchObject({ state: 'known', commit });
    expect(packsOf(root).filter((name) => name.startsWith('tmp_'))).toEqual([]);
  });
});

describe('the cache', () => {
  it('is deleted as soon as no entry names its repo, but not while someone reads it', async () => {
    const commit = blog.commit({ x: '1' });
    await headOf();
    await sources.keepOnly(new Set([`${server.url}/blog`]));
    expect(readdirSync(join(root, 'sources'))).toHaveLength(1);
    const reading = (await sources.open(`${server.url}/blog`, commit, never)).archive('.', never);
    await sources.keepOnly(new Set());
    expect(readdirSync(join(root, 'sources'))).toHaveLength(1);
    await text(reading);
    await vi.waitUntil(async () => {
      await sources.keepOnly(new Set());
      return readdirSync(join(root, 'sources')).length === 0;
    });
    expect(await headOf()).toMatchObject({ state: 'known', commit });
  });

  it('is made anew when it is broken', async () => {
    const commit = blog.commit({ x: '1' });
    await headOf();
    const [dir] = readdirSync(join(root, 'sources'));
    const packs = join(root, 'sources', String(dir), 'objects/pack');
    for (const name of readdirSync(packs)) rmSync(join(packs, name), { force: true });
    const tree = await sources.open(`${server.url}/blog`, commit, never);
    await expect(tree.list('.')).rejects.toBeInstanceOf(TransientError);
    const again = await sources.open(`${server.url}/blog`, commit, never);
    expect((await again.list('.')).map(({ path }) => path)).toEqual(['x']);
    expect(steps.map((step) => step.split(' ')[0])).toEqual(['git.fetch', 'git.evict', 'git.fetch']);
  });

  it('recovers from stale locks and half a pack of a killed fetch', async () => {
    blog.commit({ x: '1' });
    await headOf();
    const dir = join(root, 'sources', String(readdirSync(join(root, 'sources'))[0]));
    for (const name of ['shallow.lock', 'objects/pack/tmp_pack_x', 'config.lock'])
      writeFileSync(join(dir, name), 'x');
    const commit = blog.commit({ x: '2' });
    await sources.poll();
    expect(ask()).toMatchObject({ state: 'known', commit });
  });

  it('recovers from a fetch that was killed half-way', async () => {
    blog.commit({ x: '1' });
    await headOf();
    const dir = join(root, 'sources', String(readdirSync(join(root, 'sources'))[0]));
    const commit = blog.commit({ big: randomBytes(1_000_000) });
    server.packBytesPerSecond = 300_000;
    const args = [
      '--git-dir',
      dir,
      '-c',
      'fetch.unpackLimit=1',
      'fetch',
      '-q',
      '--depth=1',
      `${server.url}/blog`,
    ];
    const fetching = spawn('git', [...args, `+${commit}:refs/berth/${commit}`], {
      detached: true,
      stdio: 'ignore',
    });
    await vi.waitUntil(() => packsOf(root).some((name) => name.startsWith('tmp_pack')), 10_000);
    process.kill(-Number(fetching.pid), 'SIGKILL');
    server.packBytesPerSecond = undefined;
    await sources.poll();
    expect(ask()).toMatchObject({ state: 'known', commit });
    expect(packsOf(root).filter((name) => name.startsWith('tmp_'))).toEqual([]);
  });

  it.each(['HEAD', 'config', 'shallow'])('recovers when %s is rubbish', async (name) => {
    blog.commit({ x: '1' });
    await headOf();
    const dir = join(root, 'sources', String(readdirSync(join(root, 'sources'))[0]));
    writeFileSync(join(dir, name), 'rubbish\n');
    const commit = blog.commit({ x: '2' });
    await sources.poll();
    expect(ask()).toMatchObject({ state: 'known', commit });
  });

  it('is evicted when nobody asked during two polls, those of an earlier run too', async () => {
    blog.commit({ x: '1' });
    await headOf();
    await sources.close();
    sources = open();
    await sources.poll();
    expect(readdirSync(join(root, 'sources'))).toHaveLength(1);
    await sources.poll();
    await sources.poll();
    expect(readdirSync(join(root, 'sources'))).toEqual([]);
  });

  it('stays while it is asked for', async () => {
    blog.commit({ x: '1' });
    for (let poll = 0; poll < 5; poll += 1) {
      await headOf();
      await sources.poll();
    }
    expect(readdirSync(join(root, 'sources'))).toHaveLength(1);
  });

  it('stays small in packs over many pushes', async () => {
    for (let n = 0; n < 55; n += 1) {
      blog.commit({ x: String(n) });
      await (n === 0 ? headOf() : sources.poll());
      ask();
    }
    expect(packsOf(root).filter((name) => name.endsWith('.pack')).length).toBeLessThan(10);
    expect(ask().state).toBe('known');
  });
});

describe('reading', () => {
  it('lists, reads and archives a directory, with attributes that would drop or rewrite files ignored', async () => {
    const files = {
      'app/.gitattributes': 'secret export-ignore\nid export-subst\n',
      'app/id': '$Format:%H$',
      'app/run': { executable: '#!/bin/sh\n' },
      'app/secret': 'kept',
      'app/to': { link: '/etc/shadow' },
      other: 'x',
    };
    const commit = blog.commit(files);
    const tree = await sources.open(`${server.url}/blog`, commit, never);
    expect((await tree.list('app')).map(({ path, mode, size }) => `${mode} ${path} ${size}`)).toEqual([
      '100644 .gitattributes 37',
      '100644 id 11',
      '100755 run 10',
      '100644 secret 4',
      '120000 to 11',
    ]);
    expect((await tree.read('app/id', 100))?.toString()).toBe('$Format:%H$');
    expect(await tree.read('app/nope', 100)).toBeUndefined();
    await expect(tree.read('app/id', 5)).rejects.toThrow('more than 5');
    await expect(tree.read('app/to', 100)).rejects.toThrow('symbolic link');
    await expect(tree.read('../x', 100)).rejects.toThrow('must lie in the repo');
    const tar = await text(tree.archive('app', never));
    expect(tar.includes('$Format:%H$') && tar.includes('kept')).toBe(true);
    await expect(text(tree.archive('nope', never))).rejects.toThrow();
  });

  it.each([
    ['a submodule', { 'lib/x': { submodule: 'a'.repeat(40) } }, 'lib/x is a submodule'],
    [
      'an LFS pointer',
      { 'img/big.png': LFS_POINTER, b: 'y'.repeat(130) },
      'img/big.png is a Git LFS pointer',
    ],
    [
      'too many files',
      Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, name])),
      'more than 3 files',
    ],
    ['a long name', { [`${'n'.repeat(256)}`]: 'x' }, 'longer than 255 bytes'],
    ['too much', { zip: Buffer.alloc(3 * 2 ** 20) }, 'larger than 2 MB together'],
  ])('stalls on %s', async (_what, files, sentence) => {
    sources = open({ limits: { maxFiles: 3, maxBytes: 2 * 2 ** 20 } });
    const commit = blog.commit(files);
    const tree = await sources.open(`${server.url}/blog`, commit, never);
    const error: unknown = await tree.list('.').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StalledError);
    expect((error as Error).message).toContain(sentence);
  });

  it.each(['..', '.git', '.GIT', 'git~1', 'a/../b', '.git ', '.'])(
    'a tree with an entry named %j is refused before it is in the cache',
    async (name) => {
      const oid =
        name === 'a/../b'
          ? blog.blob('x')
          : blog.tree([{ mode: '100644', name: 'config', oid: blog.blob('x') }]);
      const mode = name === 'a/../b' ? '100644' : '40000';
      blog.commitTree(blog.tree([{ mode, name, oid }]));
      const error = await errorOf();
      expect(error).toBeInstanceOf(StalledError);
      expect(error.message).toContain('holds an object that Git refuses');
    },
  );
});

describe('honest old repos', () => {
  it('with modes that Git once wrote with a leading zero are accepted', async () => {
    const entry = { mode: '100644', name: 'x', oid: blog.blob('x') };
    const inner = blog.tree([entry]);
    blog.commitTree(blog.tree([{ mode: '0040000', name: 'dir', oid: inner }]));
    expect(await headOf({ path: 'dir' })).toMatchObject({ state: 'known', tree: inner });
  });
});

describe('credentials', () => {
  const login = { username: 'x-access-token', password: 'TOPSECRET' };

  it('go to their own origin, by no argument and no address, and let a private repo in', async () => {
    sources = open({ credentials: () => login });
    server.login = login;
    const commit = blog.commit({ x: '1' });
    expect(await headOf()).toMatchObject({ state: 'known', commit });
    expect(JSON.stringify(steps)).not.toContain('TOPSECRET');
  });

  it('are told to be wrong, without showing them', async () => {
    sources = open({ credentials: () => login });
    server.login = { ...login, password: 'another' };
    blog.commit({ x: '1' });
    const error = await errorOf();
    expect(error).toBeInstanceOf(StalledError);
    expect(`${error.message}${error.stack}`).not.toContain('TOPSECRET');
  });

  it('follow no redirect to another port: 0 requests reach it', async () => {
    const canary = await startCanary();
    sources = open({ credentials: () => login });
    server.redirectTo = canary.origin;
    blog.commit({ x: '1' });
    expect((await errorOf()).message).toContain('redirects elsewhere');
    expect([canary.requests, canary.authorizations]).toEqual([[], []]);
    await canary.close();
  });
});

describe('addresses', () => {
  it('of a name are checked and pinned: what the resolver says later is not asked for', async () => {
    const commit = blog.commit({ x: '1' });
    sources = open({ gitAllow: [`git.test:${server.port}`], resolve: async () => ['127.0.0.1'] });
    const query = { repo: `http://git.test:${server.port}/blog` };
    expect(await headOf(query)).toMatchObject({ state: 'known', commit });
  });

  it('that are private, even one of several, get no packet', async () => {
    const answers = [
      ['127.0.0.1'],
      ['203.0.113.9'],
      ['8.8.8.8', '10.0.0.1'],
      ['::ffff:127.0.0.1'],
      ['fd00::1'],
    ];
    for (const addresses of answers) {
      sources = open({ gitAllow: [], resolve: async () => addresses });
      const error = await errorOf({ repo: 'https://rebind.example/blog' });
      expect(error).toBeInstanceOf(StalledError);
      expect(error.message).toContain('is not a public address');
    }
    expect([server.requests, steps]).toEqual([[], []]);
  });
});

describe('certificates', () => {
  it('of the operator are trusted beside the well-known ones, unknown ones are not', async () => {
    const [key, cert] = [join(root, 'key.pem'), join(root, 'cert.pem')];
    const subject = ['-subj', '/CN=git.test', '-addext', 'subjectAltName=DNS:git.test'];
    const make = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject];
    execFileSync('openssl', [...make, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const tls = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
      const there = forward(`${server.url}${request.url}`, {
        method: request.method ?? 'GET',
        headers: request.headers,
      });
      there.on('response', (answer) =>
        answer.pipe(response.writeHead(answer.statusCode ?? 500, answer.headers)),
      );
      request.pipe(there);
    });
    await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
    const host = `git.test:${(tls.address() as AddressInfo).port}`;
    const commit = blog.commit({ x: '1' });
    const options = { gitAllow: [host], resolve: async () => ['127.0.0.1'] };
    sources = open(options);
    const error = await errorOf({ repo: `https://${host}/blog` });
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toContain('certificate');
    const caFile = join(root, 'bundle.pem');
    await writeCaBundle(cert, caFile, runStep);
    sources = open({ ...options, caFile });
    expect(await headOf({ repo: `https://${host}/blog` })).toMatchObject({ state: 'known', commit });
    await new Promise((resolve) => {
      tls.close(resolve);
      tls.closeAllConnections();
    });
  });
});

function packsOf(dir: string): readonly string[] {
  return readdirSync(join(dir, 'sources'), { recursive: true }).map((name) =>
    String(name).replace(/.*\//, ''),
  );
}
