/** Edits of a config repo behind HTTP: real git on both sides, and everything that can go wrong between a commit and its push. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ConfigRepo } from '../../controller/clients/types.ts';
import { StalledError, TransientError } from '../../controller/core/errors.ts';
import { runStep, type Step } from '../../controller/core/step.ts';
import type { ConfigRepoOptions } from '../../controller/manifest/config/branch.ts';
import { createConfigRepo } from '../../controller/manifest/config/config-repo.ts';
import { type GitServer, startGitServer } from '../support/git-server.ts';
import { LFS_POINTER, makeRepo, type TestRepo } from '../support/make-repo.ts';

const FILE = 'deployments.yaml';
const soon = new AbortController().signal;
let root: string;
let server: GitServer;
let repo: TestRepo;
let steps: string[];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'berth-edit-'));
  server = await startGitServer(join(root, 'served'));
  repo = makeRepo(join(root, 'served/config'));
  steps = [];
});

afterEach(async () => {
  await server.close();
  rmSync(root, { recursive: true, force: true });
});

const counting: Step = (label, effect) => {
  steps.push(label);
  return runStep(label, effect);
};

function open(options: Partial<ConfigRepoOptions> = {}): Promise<ConfigRepo> {
  return createConfigRepo({
    location: `${server.url}/config`,
    branch: 'main',
    file: FILE,
    dataDir: join(root, 'data'),
    step: counting,
    ...options,
  });
}

const append = (line: string) => (text: string) => `${text}${line}\n`;
const edit = (config: ConfigRepo, line: string, signal = soon) =>
  config.edit(append(line), { message: `Add ${line}`, signal });
const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error) => error,
  );
const served = (): string => repo.git('show', `main:${FILE}`);
const count = (): number => Number(repo.git('rev-list', '--count', 'main'));

function expectSound(): void {
  expect(repo.git('fsck', '--strict', '--no-dangling')).toBe('');
}

/** Runs in the served repo when a push comes, with the push on its standard input. */
function hook(name: string, script: string): void {
  mkdirSync(join(repo.dir, 'hooks'), { recursive: true });
  writeFileSync(join(repo.dir, 'hooks', name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(repo.dir, 'hooks', name), 0o755);
}

test('an edit is one commit on the head, of that file alone', async () => {
  const before = repo.commit({
    [FILE]: { executable: 'a\r\nb\n' },
    'apps/run.sh': { executable: '#!/bin/sh' },
    'apps/link': { link: 'run.sh' },
    'apps/gone': { submodule: 'a'.repeat(40) },
    'grün/ä': 'x',
  });
  const config = await open();
  await config.head(soon);
  const commit = await edit(config, 'c');
  expect(repo.git('rev-parse', 'main', 'main~1').split('\n')).toEqual([commit, before]);
  expect(repo.git('diff-tree', '-r', '--raw', '--abbrev=7', before, commit)).toMatch(
    /^:100755 100755 \w{7} \w{7} M\tdeployments\.yaml$/,
  );
  expect(execFileSync('git', ['--git-dir', repo.dir, 'cat-file', 'blob', `main:${FILE}`]).toString()).toBe(
    'a\r\nb\nc\n',
  );
  expect(repo.git('log', '-1', '--format=%an <%ae> %cn <%ce> %s')).toBe(
    'Berth <berth@localhost> Berth <berth@localhost> Add c',
  );
  expect(steps.slice(-2)).toEqual([`git.commit ${FILE}`, `git.push main ${commit.slice(0, 7)}`]);
  expect(await config.head(soon)).toMatchObject({ commit, file: { bytes: Buffer.from('a\r\nb\nc\n') } });
  const steady = steps.length;
  await config.poll(soon);
  expect(steps).toHaveLength(steady);
  expectSound();
});

test('an edit that changes nothing commits nothing, and one that throws ends with that', async () => {
  const head = repo.commit({ [FILE]: 'a\n' });
  const config = await open();
  expect(await config.edit((text) => text, { message: 'x', signal: soon })).toBe(head);
  const refused = config.edit(() => Promise.reject(new StalledError('not so')), {
    message: 'x',
    signal: soon,
  });
  await expect(refused).rejects.toThrow('not so');
  expect(count()).toBe(1);
  expect(
    await failureOf(config.edit(() => 'x'.repeat(2 ** 20 + 1), { message: 'x', signal: soon })),
  ).toBeInstanceOf(StalledError);
  expect(repo.git('rev-parse', 'main')).toBe(head);
});

test('an edit begins from the newest head, and after a force-push from that', async () => {
  repo.commit({ [FILE]: 'a\n' });
  const config = await open();
  await config.head(soon);
  repo.commit({ [FILE]: 'a\nb\n' });
  await edit(config, 'c');
  expect(served()).toBe('a\nb\nc');
  repo.commit({ [FILE]: 'z\n' }, { orphan: true });
  await edit(config, 'd');
  expect(served()).toBe('z\nd');
  expectSound();
});

test.each([
  [{ [FILE]: { link: '/etc/passwd' } }, 'is a symbolic link'],
  [{ [FILE]: LFS_POINTER }, 'LFS pointer'],
  [{ other: 'x' }, 'is not in the config repo'],
  [{ [FILE]: Buffer.from([0x61, 0xff]) }, 'not UTF-8'],
] as const)('what is no regular text file is not edited (%#)', async (files, sentence) => {
  repo.commit(files);
  const error = await failureOf(edit(await open(), 'c'));
  expect(error).toBeInstanceOf(StalledError);
  expect((error as Error).message).toContain(sentence);
  expect(count()).toBe(1);
});

test('somebody who pushes between our look and our push loses nothing, nor do we', async () => {
  repo.commit({ [FILE]: 'a\n' });
  const config = await open();
  let sneaks = 2;
  server.beforePush = () => {
    if (sneaks-- > 0) repo.commit({ [FILE]: `${served()}\ntheirs ${sneaks}\n` });
  };
  const commit = await edit(config, 'ours');
  expect(served()).toBe('a\ntheirs 1\ntheirs 0\nours');
  expect(repo.git('rev-parse', 'main')).toBe(commit);
  expect(count()).toBe(4);
  expectSound();
});

test('a branch that was set back meanwhile does not get its old commits again', async () => {
  const first = repo.commit({ [FILE]: 'a\n' });
  const config = await open();
  await edit(config, 'b');
  let once = true;
  const back = async (text: string): Promise<string> => {
    if (once) repo.git('update-ref', 'refs/heads/main', first);
    once = false;
    return `${text}c\n`;
  };
  await config.edit(back, { message: 'Add c', signal: soon });
  expect(served()).toBe('a\nc');
});

test('somebody who is faster every time wins, and nothing of ours is left to be pushed later', async () => {
  repo.commit({ [FILE]: 'a\n' });
  const config = await open();
  let pushes = 0;
  server.beforePush = () => {
    pushes += 1;
    repo.commit({ [FILE]: `${pushes}\n` });
  };
  const error = await failureOf(edit(config, 'ours'));
  expect(error).toBeInstanceOf(TransientError);
  expect((error as Error).message).toContain('in 5 tries');
  expect(pushes).toBe(5);
  server.beforePush = undefined;
  await edit(config, 'next');
  expect(served()).toBe('5\nnext');
});

test('a hook that refuses is told in its words, without the token', async () => {
  repo.commit({ [FILE]: 'a\n' });
  hook('pre-receive', 'echo "GH006: Protected branch, not with TOPSECRET"; exit 1');
  const config = await open({ token: 'TOPSECRET' });
  const error = (await failureOf(edit(config, 'ours'))) as Error;
  expect(error).toBeInstanceOf(StalledError);
  expect(error.message).toContain('GH006: Protected branch');
  expect(error.message).toContain('let the token past its rules');
  expect(error.message).not.toContain('TOPSECRET');
  expect(count()).toBe(1);
  rmSync(join(repo.dir, 'hooks/pre-receive'));
  await edit(config, 'next');
  expect(served()).toBe('a\nnext');
});

test.each(['forbidden', 'unauthorized', 'not found'] as const)(
  'a token that may read but not write: %s says which right it lacks',
  async (fault) => {
    repo.commit({ [FILE]: 'a\n' });
    server.pushFault = fault;
    const error = (await failureOf(edit(await open({ token: 'TOPSECRET' }), 'ours'))) as Error;
    expect(error).toBeInstanceOf(StalledError);
    expect(error.message).toContain('may read but not write');
    expect(error.message).toContain('Contents, read and write');
    const open2 = (await failureOf(edit(await open(), 'ours'))) as Error;
    expect(open2.message).toContain('set BERTH_CONFIG_TOKEN');
    expect(count()).toBe(1);
  },
);

test.each(['server error', 'html', 'reset', 'truncated', 'stall'] as const)(
  'a push that gets no answer (%s) can be made again',
  async (fault) => {
    repo.commit({ [FILE]: 'a\n' });
    const config = await open({ limits: { timeoutMs: 400, maxBytes: 2 ** 20 } });
    server.pushFault = fault;
    const error = (await failureOf(edit(config, 'ours'))) as Error;
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toContain('look before you repeat');
    server.pushFault = undefined;
    expect(count()).toBe(1);
    await config.poll(soon);
    expect(count()).toBe(1);
    await edit(config, 'ours');
    expect(served()).toBe('a\nours');
  },
);

test.each(['answer lost', 'answer cut'] as const)(
  'a push that arrived, but its %s, is found and not made twice',
  async (fault) => {
    repo.commit({ [FILE]: 'a\n' });
    const config = await open();
    server.pushFault = fault;
    let calls = 0;
    const commit = await config.edit(
      (text) => {
        calls += 1;
        return `${text}ours\n`;
      },
      { message: 'Add ours', signal: soon },
    );
    expect([calls, count(), repo.git('rev-parse', 'main')]).toEqual([1, 2, commit]);
    expect((await config.head(soon)).commit).toBe(commit);
    expectSound();
  },
);

test('it is found too when somebody has already gone on from it', async () => {
  repo.commit({ [FILE]: 'a\n' });
  const config = await open();
  hook(
    'post-receive',
    `
    unset GIT_QUARANTINE_PATH
    for n in 1 2 3; do
      new=$(GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@t GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@t \\
        git commit-tree -m "theirs $n" -p main main^{tree}) && git update-ref refs/heads/main "$new"
    done`,
  );
  server.pushFault = 'answer lost';
  const commit = await edit(config, 'ours');
  expect(repo.git('rev-parse', 'main~3')).toBe(commit);
  expect(count()).toBe(5);
  server.pushFault = undefined;
  rmSync(join(repo.dir, 'hooks/post-receive'));
  await edit(config, 'next');
  expect(served()).toBe('a\nours\nnext');
  expectSound();
});

test('killed between commit and push, nothing of it is left that blocks or is pushed later', async () => {
  repo.commit({ [FILE]: 'a\n' });
  for (const at of ['git.commit', 'git.push']) {
    const crashing: Step = async (label, effect) => {
      if (at === 'git.push' && label.startsWith(at)) throw new Error('crash');
      const done = await effect();
      if (label.startsWith(at)) throw new Error('crash');
      return done;
    };
    await expect(edit(await open({ step: crashing }), 'lost')).rejects.toThrow('crash');
  }
  expect(count()).toBe(1);
  const config = await open();
  await config.poll(soon);
  await edit(config, 'next');
  expect(served()).toBe('a\nnext');
});

test('twenty edits at once all land, one commit each', async () => {
  repo.commit({ [FILE]: '\n' });
  const config = await open();
  const commits = await Promise.all(
    Array.from({ length: 20 }, (_, n) => Promise.all([edit(config, `line ${n}`), config.head(soon)])),
  );
  expect(new Set(commits.map(([commit]) => commit)).size).toBe(20);
  expect(served().trim().split('\n').sort()).toEqual(
    Array.from({ length: 20 }, (_, n) => `line ${n}`).sort(),
  );
  expect(count()).toBe(21);
  expectSound();
});

test('two editors at once, each with a copy of its own, both land', async () => {
  repo.commit({ [FILE]: '\n' });
  const [one, two] = await Promise.all([open(), open({ dataDir: join(root, 'other') })]);
  for (let n = 0; n < 4; n += 1) await Promise.all([edit(one, `one ${n}`), edit(two, `two ${n}`)]);
  expect(served().trim().split('\n')).toHaveLength(8);
  expect(count()).toBe(9);
  expectSound();
});

test('the token goes with the push to a private repo, and into no file', async () => {
  repo.commit({ [FILE]: 'a\n' });
  server.login = { username: 'x-access-token', password: 'TOPSECRET' };
  const config = await open({ token: 'TOPSECRET' });
  await edit(config, 'b');
  expect(served()).toBe('a\nb');
  const found = execFileSync('sh', ['-c', 'grep -rl TOPSECRET "$1" || true', 'sh', root]).toString();
  expect(found).toBe('');
});

test('an edit whose signal ends is given up', async () => {
  repo.commit({ [FILE]: 'a\n' });
  const config = await open();
  const stop = new AbortController();
  server.pushFault = 'stall';
  const error = await failureOf(
    config.edit(
      (text) => {
        setImmediate(() => stop.abort());
        return `${text}x\n`;
      },
      { message: 'x', signal: stop.signal },
    ),
  );
  expect(error).toBeInstanceOf(TransientError);
  server.pushFault = undefined;
  await edit(config, 'next');
  expect(served()).toBe('a\nnext');
  expect(readFileSync(join(root, 'data/config-cache/HEAD'), 'utf8')).toContain('ref:');
});
