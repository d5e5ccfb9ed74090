import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeRepo } from '../../../test/support/make-repo.ts';
import type { ConfigRepo } from '../../clients/types.ts';
import { StalledError, TransientError } from '../../core/errors.ts';
import { runStep, type Step } from '../../core/step.ts';
import { createConfigRepo } from './config-repo.ts';

const FILE = 'deployments.yaml';
const soon = new AbortController().signal;
let root: string;
let work: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-edit-'));
  work = join(root, 'work');
  mkdirSync(work);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const gitIn = (cwd: string, ...args: readonly string[]): string =>
  execFileSync(
    'git',
    ['-c', 'user.name=t', '-c', 'user.email=t@localhost', '-c', 'safe.directory=*', ...args],
    {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  ).toString();
const git = (...args: readonly string[]): string => gitIn(work, ...args).trim();

function makeWork(text = 'a\n'): void {
  git('init', '-q', '-b', 'main');
  writeFileSync(join(work, FILE), text);
  writeFileSync(join(work, 'run.sh'), '#!/bin/sh\n');
  chmodSync(join(work, 'run.sh'), 0o755);
  symlinkSync('run.sh', join(work, 'link'));
  git('add', '-A');
  git('commit', '-q', '-m', 'start');
}

function open(
  location = work,
  more: { step?: Step; file?: string; data?: string } = {},
): Promise<ConfigRepo> {
  const { step = runStep, file = FILE, data = 'data' } = more;
  return createConfigRepo({ location, branch: 'main', file, dataDir: join(root, data), step });
}

const edit = (config: ConfigRepo, line: string): Promise<string> =>
  config.edit((text) => `${text}${line}\n`, { message: `Add ${line}`, signal: soon });
const textOf = (dir = work): string => readFileSync(join(dir, FILE), 'utf8');
const failureOf = (done: Promise<unknown>): Promise<unknown> =>
  done.then(
    () => undefined,
    (error) => error,
  );

function expectSound(): void {
  expect(git('fsck', '--strict', '--no-dangling')).toBe('');
  expect(
    readdirSync(join(work, '.git')).filter((name) => name.startsWith('berth-') || name.endsWith('.lock')),
  ).toEqual([]);
  expect(readdirSync(work).sort()).toEqual(['.git', FILE, 'link', 'run.sh'].sort());
}

describe('a work tree with the branch checked out', () => {
  test('follows an edit, and stays clean', async () => {
    makeWork('a\r\n');
    chmodSync(join(work, FILE), 0o640);
    const config = await open();
    const commit = await edit(config, 'b');
    expect(git('rev-parse', 'HEAD')).toBe(commit);
    expect(git('diff-tree', '-r', '--name-status', 'HEAD~1', 'HEAD')).toBe(`M\t${FILE}`);
    expect(textOf()).toBe('a\r\nb\n');
    expect(statSync(join(work, FILE)).mode & 0o777).toBe(0o640);
    expect(git('status', '--porcelain')).toBe('');
    expect(git('reflog', '-1', '--format=%gs')).toBe('berth: Add b');
    expect(await config.head(soon)).toMatchObject({ commit });
    git('commit', '-q', '--allow-empty', '-m', 'mine');
    await edit(config, 'c');
    expect(textOf()).toBe('a\r\nb\nc\n');
    expectSound();
  });

  test('keeps what else is staged, edited or untracked there', async () => {
    makeWork();
    writeFileSync(join(work, 'run.sh'), 'edited');
    writeFileSync(join(work, 'staged'), 'x');
    writeFileSync(join(work, 'new'), 'x');
    git('add', 'staged');
    const before = git('status', '--porcelain');
    await edit(await open(), 'b');
    expect(git('status', '--porcelain')).toBe(before);
    expect(git('show', '--stat', '--format=', 'HEAD')).not.toContain('staged');
  });

  test.each([
    ['edited', () => writeFileSync(join(work, FILE), 'mine\n'), 'not committed'],
    [
      'staged',
      () => {
        writeFileSync(join(work, FILE), 'mine\n');
        git('add', FILE);
      },
      'staged',
    ],
    ['removed', () => rmSync(join(work, FILE)), 'is gone'],
    [
      'a link',
      () => {
        rmSync(join(work, FILE));
        symlinkSync('run.sh', join(work, FILE));
      },
      'no regular file',
    ],
  ] as const)('is refused where the file is %s and not committed', async (_what, spoil, sentence) => {
    makeWork();
    spoil();
    const [head, status] = [git('rev-parse', 'HEAD'), git('status', '--porcelain')];
    const steps: string[] = [];
    const step: Step = (label, effect) => {
      steps.push(label);
      return effect();
    };
    const error = (await failureOf(edit(await open(work, { step }), 'b'))) as Error;
    expect(error).toBeInstanceOf(StalledError);
    expect(error.message).toContain(`${work}/${FILE}`);
    expect(error.message).toContain(sentence);
    expect(error.message).toContain('commit or discard');
    expect([git('rev-parse', 'HEAD'), git('status', '--porcelain')]).toEqual([head, status]);
    expect(steps.filter((label) => label !== 'git.init config-cache')).toEqual([]);
  });

  test('keeps what an editor saves just before it would be overwritten', async () => {
    makeWork();
    const step: Step = async (label, effect) => {
      if (label.startsWith('git.follow')) writeFileSync(join(work, FILE), 'mine\n');
      return effect();
    };
    await edit(await open(work, { step }), 'b');
    expect(git('show', `HEAD:${FILE}`)).toBe('a\nb');
    expect(textOf()).toBe('mine\n');
  });

  test('follows in a linked work tree, and in the main one when the linked one is elsewhere', async () => {
    makeWork();
    const linked = join(root, 'linked');
    git('worktree', 'add', '-q', '--detach', linked);
    const config = await open(linked);
    await edit(config, 'b');
    expect([textOf(), textOf(linked)]).toEqual(['a\nb\n', 'a\n']);
    git('checkout', '-q', '--detach');
    gitIn(linked, 'checkout', '-q', 'main');
    await edit(config, 'c');
    expect([textOf(), textOf(linked)]).toEqual(['a\nb\n', 'a\nb\nc\n']);
    expect([git('status', '--porcelain'), gitIn(linked, 'status', '--porcelain')]).toEqual(['', '']);
    writeFileSync(join(linked, FILE), 'mine');
    await expect(edit(await open(), 'd')).rejects.toThrow(`${linked}/${FILE}`);
  });

  test('is left alone with a detached HEAD or on another branch', async () => {
    makeWork();
    git('checkout', '-q', '--detach');
    writeFileSync(join(work, FILE), 'mine\n');
    const config = await open();
    await edit(config, 'b');
    git('stash', '-q');
    git('checkout', '-q', '-b', 'dev');
    const commit = await edit(config, 'c');
    expect(git('rev-parse', 'main')).toBe(commit);
    expect(textOf()).toBe('a\n');
    expect(git('status', '--porcelain')).toBe('');
  });

  test('belongs to its owner afterwards as before', async () => {
    makeWork();
    chmodSync(root, 0o755);
    execFileSync('chown', ['-R', '65534:65534', work]);
    await edit(await open(), 'b');
    const foreign = execFileSync('find', [work, '!', '-user', '65534']).toString();
    expect(foreign).toBe('');
    expect(git('status', '--porcelain')).toBe('');
  });

  test('in a folder of the repo, with a file that runs', async () => {
    makeWork();
    mkdirSync(join(work, 'ops'));
    writeFileSync(join(work, 'ops/x.yaml'), 'a\n');
    chmodSync(join(work, 'ops/x.yaml'), 0o755);
    git('add', '-A');
    git('commit', '-q', '-m', 'more');
    await edit(await open(work, { file: 'ops/x.yaml' }), 'b');
    expect(git('ls-tree', 'HEAD', 'ops/x.yaml')).toMatch(/^100755/);
    expect(readFileSync(join(work, 'ops/x.yaml'), 'utf8')).toBe('a\nb\n');
    expect(git('status', '--porcelain')).toBe('');
  });
});

describe('a crash', () => {
  test.each(['git.commit', 'git.move', 'git.index', 'git.follow', 'git.finish'])(
    'before or after %s leaves a repo that the next poll makes clean',
    async (at) => {
      makeWork();
      for (const when of ['before', 'after']) {
        const step: Step = async (label, effect) => {
          if (!label.startsWith(at)) return effect();
          if (when === 'after') await effect();
          throw new Error('crash');
        };
        await failureOf(edit(await open(work, { step }), when));
        await (await open()).poll(soon);
        expect(git('status', '--porcelain')).toBe('');
        expectSound();
      }
      await edit(await open(), 'next');
      expect(textOf()).toBe(`${git('show', `HEAD:${FILE}`)}\n`);
    },
  );

  test('does not make a later poll touch what somebody has edited since', async () => {
    makeWork();
    const step: Step = async (label, effect) => {
      if (label.startsWith('git.index')) throw new Error('crash');
      return effect();
    };
    await edit(await open(work, { step }), 'b');
    writeFileSync(join(work, FILE), 'mine\n');
    await (await open()).poll(soon);
    expect(textOf()).toBe('mine\n');
    expect(git('diff', '--cached', '--name-only')).toBe('');
    expect(git('diff', '--name-only')).toBe(FILE);
  });
});

describe('several editors', () => {
  test('twenty at once in one repo, and four beside each other, all land', async () => {
    makeWork('');
    const one = await open();
    await Promise.all(Array.from({ length: 20 }, (_, n) => edit(one, `one ${n}`)));
    const four = await Promise.all(['1', '2', '3', '4'].map((name) => open(work, { data: `data-${name}` })));
    for (let n = 0; n < 3; n += 1)
      await Promise.all(four.map((config, who) => edit(config, `four ${who} ${n}`)));
    const lines = textOf().trim().split('\n');
    expect(lines).toHaveLength(32);
    expect(new Set(lines).size).toBe(32);
    expect(git('rev-list', '--count', 'HEAD')).toBe('33');
    expect(git('status', '--porcelain')).toBe('');
    expectSound();
  }, 60_000);

  test('a person who commits meanwhile loses nothing', async () => {
    makeWork();
    const config = await open();
    let once = true;
    await config.edit(
      (text) => {
        if (once) {
          writeFileSync(join(work, FILE), `${text}theirs\n`);
          git('commit', '-qam', 'theirs');
        }
        once = false;
        return `${text}ours\n`;
      },
      { message: 'Add ours', signal: soon },
    );
    expect(textOf()).toBe('a\ntheirs\nours\n');
    expect(git('status', '--porcelain')).toBe('');
  });

  test('a lock that somebody forgot is named, and nothing is lost', async () => {
    makeWork();
    writeFileSync(join(work, '.git/refs/heads/main.lock'), '');
    const error = (await failureOf(
      (await open()).edit((text) => `${text}b\n`, { message: 'x', signal: AbortSignal.timeout(1500) }),
    )) as Error;
    expect(error).toBeInstanceOf(TransientError);
    rmSync(join(work, '.git/refs/heads/main.lock'));
    writeFileSync(join(work, '.git/index.lock'), '');
    const config = await open();
    await edit(config, 'c');
    expect(git('show', `HEAD:${FILE}`)).toBe('a\nc');
    const told = (await failureOf(config.poll(soon))) as Error;
    expect(told.message).toContain('index.lock');
    expect(config.trouble).toContain('index.lock');
    rmSync(join(work, '.git/index.lock'));
    await config.poll(soon);
    expect(config.trouble).toBeUndefined();
    expect(textOf()).toBe('a\nc\n');
    expect(git('status', '--porcelain')).toBe('');
  });
});

describe('a bare repo', () => {
  test('moves its branch alone', async () => {
    const repo = makeRepo(join(root, 'config.git'));
    repo.commit({ [FILE]: 'a\n', x: { executable: 'x' } });
    const config = await open(repo.dir);
    const commit = await edit(config, 'b');
    expect(repo.git('show', `main:${FILE}`)).toBe('a\nb');
    expect(repo.git('rev-parse', 'main')).toBe(commit);
    expect(repo.git('fsck', '--strict', '--no-dangling')).toBe('');
    expect(existsSync(join(repo.dir, 'index'))).toBe(false);
  });

  test('cuts a long subject, keeps the lines after it, and drops control characters', async () => {
    const repo = makeRepo(join(root, 'config.git'));
    repo.commit({ [FILE]: 'a\n' });
    const message = `Add \u001b[31m${'ü'.repeat(100)}\n\nbecause\nof it`;
    await (await open(repo.dir)).edit(() => 'b\n', { message, signal: soon });
    const [subject = '', ...rest] = repo.git('log', '-1', '--format=%B', 'main').split('\n');
    expect([...subject]).toHaveLength(72);
    expect(subject).not.toContain('\u001b');
    expect(rest.slice(0, 4)).toEqual(['', 'because', 'of it', '']);
    expect(repo.git('log', '-1', '--format=%(trailers:key=Berth-Intent,valueonly)', 'main')).toMatch(
      /^[0-9a-f-]{36}$/,
    );
  });
});
