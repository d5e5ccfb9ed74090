import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Files, LFS_POINTER, makeRepo, type TestRepo } from '../../../test/support/make-repo.ts';
import type { ConfigRepo } from '../../clients/types.ts';
import { StalledError } from '../../core/errors.ts';
import { runStep } from '../../core/step.ts';
import { createConfigRepo } from './config-repo.ts';
import { initEmbedded } from './embedded.ts';

const FILE = 'deployments.yaml';
const soon = new AbortController().signal;
let root: string;
let repo: TestRepo;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-config-'));
  repo = makeRepo(join(root, 'config.git'));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function open(location = join(root, 'config.git'), file = FILE): Promise<ConfigRepo> {
  return createConfigRepo({ location, branch: 'main', file, dataDir: join(root, 'data'), step: runStep });
}

const git = (cwd: string, ...args: readonly string[]) =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@localhost', ...args], { cwd, stdio: 'pipe' })
    .toString()
    .trim();

async function contentOf(config: ConfigRepo): Promise<string> {
  const { file } = await config.head(soon);
  return 'missing' in file ? `missing: ${file.missing}` : file.bytes.toString();
}

describe('a local config repo', () => {
  it('gives the branch’s head, and the same object while it stands', async () => {
    const config = await open();
    const commit = repo.commit({ [FILE]: 'one' });
    const head = await config.head(soon);
    expect(head).toMatchObject({ commit, file: { blob: repo.blob('one'), bytes: Buffer.from('one') } });
    expect(await config.head(soon)).toBe(head);
    repo.commit({ [FILE]: 'other' }, { branch: 'dev' });
    expect(await config.head(soon)).toBe(head);
    repo.commit({ [FILE]: 'two' }, { orphan: true });
    repo.git('pack-refs', '--all');
    expect(await contentOf(config)).toBe('two');
  });

  const missing: readonly [string, Files, string][] = [
    ['not there', { other: 'x' }, 'is not in the config repo'],
    ['a directory', { [`${FILE}/x`]: 'x' }, 'is a directory'],
    ['a link', { [FILE]: { link: '/etc/passwd' } }, 'is a symbolic link'],
    ['a submodule', { [FILE]: { submodule: 'a'.repeat(40) } }, 'is a submodule'],
    ['an LFS pointer', { [FILE]: LFS_POINTER }, 'LFS pointer'],
    ['over 1 MiB', { [FILE]: Buffer.alloc(2 ** 20 + 1) }, 'at most 1048576'],
  ];

  it.each(missing)('says why there is no file when it is %s', async (_what, files, sentence) => {
    const commit = repo.commit(files);
    const head = await (await open()).head(soon);
    expect(head).toEqual({ commit, file: { missing: expect.stringContaining(sentence) } });
  });

  it('gives an empty file as an empty file, and one in a directory', async () => {
    repo.commit({ [FILE]: '', 'ops/x.yaml': 'x' });
    expect(await contentOf(await open())).toBe('');
    expect(await contentOf(await open(undefined, 'ops/x.yaml'))).toBe('x');
  });

  it.each([
    ['has no commits', () => undefined, 'it has no commits yet'],
    [
      'lacks the branch',
      () => repo.commit({ x: '1' }, { branch: 'dev' }),
      'has no branch main: there is dev',
    ],
    ['is gone', () => rmSync(join(root, 'config.git'), { recursive: true }), 'is not a Git repository'],
  ])('that %s tells no head', async (_what, spoil, sentence) => {
    spoil();
    const error: unknown = await (await open()).head(soon).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StalledError);
    expect((error as Error).message).toContain(sentence);
  });

  it('with a work tree counts commits only, and is never written to', async () => {
    const work = join(root, 'work');
    mkdirSync(work);
    git(work, 'init', '-q', '-b', 'main');
    writeFileSync(join(work, FILE), 'committed');
    writeFileSync(join(work, '.gitattributes'), 'x export-ignore\n');
    writeFileSync(join(work, 'x'), 'x');
    git(work, 'add', '-A');
    git(work, 'commit', '-q', '-m', 'one');
    writeFileSync(join(work, FILE), 'edited');
    git(work, 'config', 'core.fsmonitor', 'touch pwned');
    const before = snapshot(join(work, '.git'));
    const config = await open(work);
    expect(await contentOf(config)).toBe('committed');
    const { commit } = await config.head(soon);
    const tree = await config.open(commit);
    expect((await tree.list('.')).map(({ path }) => path)).toEqual(['.gitattributes', FILE, 'x']);
    const chunks: Buffer[] = [];
    for await (const chunk of tree.archive('.', soon)) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString('latin1')).toContain(`x${'\0'.repeat(99)}`);
    expect(await config.treeOf(commit, '.')).toBe(git(work, 'rev-parse', 'HEAD^{tree}'));
    expect(await config.treeOf(commit, 'x')).toBeUndefined();
    expect(snapshot(join(work, '.git'))).toEqual(before);
  });

  it('may be a linked work tree, a link to a repo, and of another user', async () => {
    repo.commit({ [FILE]: 'one' });
    git(root, '--git-dir', repo.dir, 'worktree', 'add', '-q', '--detach', join(root, 'linked'), 'main');
    symlinkSync(join(root, 'linked'), join(root, 'link'));
    execFileSync('chown', ['-R', '65534', repo.dir]);
    expect(await contentOf(await open(join(root, 'linked')))).toBe('one');
    expect(await contentOf(await open(join(root, 'link')))).toBe('one');
  });

  it('is not taken for a repo because a directory above is one', async () => {
    mkdirSync(join(repo.dir, 'inside'));
    await expect((await open(join(repo.dir, 'inside'))).head(soon)).rejects.toThrow(
      'is not a Git repository',
    );
  });

  it('is read again when our own side of it was lost or broken', async () => {
    repo.commit({ [FILE]: 'one' });
    const config = await open();
    expect(await contentOf(config)).toBe('one');
    rmSync(join(root, 'data/config-cache'), { recursive: true });
    repo.commit({ [FILE]: 'two' });
    expect(await contentOf(config)).toBe('two');
    writeFileSync(join(root, 'data/config-cache/HEAD'), 'rubbish');
    repo.commit({ [FILE]: 'three' });
    expect(await contentOf(config)).toBe('three');
  });

  it('whose objects are lost tells no head, rather than a missing file', async () => {
    repo.commit({ [FILE]: 'one', x: 'x' });
    rmSync(join(repo.dir, 'objects'), { recursive: true });
    mkdirSync(join(repo.dir, 'objects'));
    await expect((await open()).head(soon)).rejects.toThrow("can't be read");
  });
});

describe('the embedded config repo', () => {
  const files = { [FILE]: 'deployments: {}\n', 'apps/hello/server.js': 'x' };

  it('is a normal repo with one commit, to edit and commit in', async () => {
    const dir = join(root, 'data/config');
    await initEmbedded(dir, files, runStep);
    expect(git(dir, 'log', '--format=%an <%ae> %D')).toBe('Berth <berth@localhost> HEAD -> main');
    expect(git(dir, 'status', '--porcelain')).toBe('');
    const config = await open(dir);
    expect(await contentOf(config)).toBe(files[FILE]);
    writeFileSync(join(dir, FILE), 'deployments: { a: { repo: . } }\n');
    git(dir, 'commit', '-qam', 'edit');
    expect(await contentOf(config)).toContain('repo: .');
  });

  it('is left alone when it is there, and made whole after a crash', async () => {
    const dir = join(root, 'data/config');
    const steps: string[] = [];
    const crash = initEmbedded(dir, files, async () => Promise.reject(new Error('crash')));
    await expect(crash).rejects.toThrow('crash');
    mkdirSync(`${dir}.new/half`, { recursive: true });
    await initEmbedded(dir, files, runStep);
    await initEmbedded(dir, { [FILE]: 'other' }, async (label, effect) => {
      steps.push(label);
      return effect();
    });
    expect(steps).toEqual([]);
    expect(existsSync(`${dir}.new`)).toBe(false);
    expect(await contentOf(await open(dir))).toBe(files[FILE]);
  });

  it('does not go over files of someone else', async () => {
    mkdirSync(join(root, 'data/config'), { recursive: true });
    writeFileSync(join(root, 'data/config/mine'), 'x');
    await expect(initEmbedded(join(root, 'data/config'), files, runStep)).rejects.toThrow('is in the way');
  });
});

/** Name, size and time of every file. */
function snapshot(dir: string): readonly string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const { size, mtimeMs } = statSync(join(dir, name));
      return `${name} ${size} ${mtimeMs}`;
    });
}
