import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConfigRepo } from '../../controller/clients/types.ts';
import { StalledError, TransientError } from '../../controller/core/errors.ts';
import { runStep } from '../../controller/core/step.ts';
import type { ConfigRepoOptions } from '../../controller/manifest/config/branch.ts';
import { createConfigRepo } from '../../controller/manifest/config/config-repo.ts';
import { type GitServer, startCanary, startGitServer } from '../support/git-server.ts';
import { makeRepo, type TestRepo } from '../support/make-repo.ts';

const FILE = 'deployments.yaml';
const soon = new AbortController().signal;
let root: string;
let server: GitServer;
let repo: TestRepo;
let steps: string[];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'berth-config-'));
  server = await startGitServer(join(root, 'served'));
  repo = makeRepo(join(root, 'served/config'));
  steps = [];
});

afterEach(async () => {
  await server.close();
  rmSync(root, { recursive: true, force: true });
});

function open(options: Partial<ConfigRepoOptions> = {}): Promise<ConfigRepo> {
  return createConfigRepo({
    location: `${server.url}/config`,
    branch: 'main',
    file: FILE,
    dataDir: join(root, 'data'),
    step: (label, effect) => {
      steps.push(label);
      return runStep(label, effect);
    },
    ...options,
  });
}

async function textOf(config: ConfigRepo): Promise<string> {
  const { file } = await config.head(soon);
  return 'missing' in file ? `missing: ${file.missing}` : file.bytes.toString();
}

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error) => error,
  );

describe('a remote config repo', () => {
  it('gives the head and its file, and writes nothing when nothing changed', async () => {
    const commit = repo.commit({ [FILE]: 'one', 'apps/hello/x': '1' });
    const config = await open();
    const head = await config.head(soon);
    expect(head).toEqual({ commit, file: { blob: repo.blob('one'), bytes: Buffer.from('one') } });
    expect(await config.treeOf(commit, 'apps/hello')).toBe(repo.git('rev-parse', `${commit}:apps/hello`));
    expect(await config.treeOf(commit, 'nope')).toBeUndefined();
    const tree = await config.open(commit);
    expect((await tree.list('apps')).map(({ path }) => path)).toEqual(['hello/x']);
    const before = steps.length;
    await config.poll(soon);
    expect(await config.head(soon)).toBe(head);
    expect(steps).toHaveLength(before);
  });

  it('follows new commits and a force-push at the next poll, not before', async () => {
    repo.commit({ [FILE]: 'one' });
    const config = await open();
    expect(await textOf(config)).toBe('one');
    repo.commit({ [FILE]: 'two' });
    expect(await textOf(config)).toBe('one');
    await config.poll(soon);
    expect(await textOf(config)).toBe('two');
    repo.commit({ [FILE]: 'three' }, { orphan: true });
    await config.poll(soon);
    expect(await textOf(config)).toBe('three');
  });

  it('stays small in packs over many commits', async () => {
    const config = await open();
    for (let n = 0; n < 53; n += 1) {
      repo.commit({ [FILE]: String(n) });
      await config.poll(soon);
    }
    expect(await textOf(config)).toBe('52');
    const packs = readdirSync(join(root, 'data/config-cache/objects/pack'));
    expect(packs.filter((name) => name.endsWith('.pack')).length).toBeLessThan(10);
  });

  const faults = [
    ['html', TransientError, 'not as a Git server'],
    ['not found', StalledError, 'private or misspelt (404)'],
    ['unauthorized', StalledError, 'private or misspelt (401)'],
    ['forbidden', StalledError, 'private or misspelt (403)'],
    ['server error', TransientError, '503'],
    ['empty refs', StalledError, 'has no branch main'],
    ['truncated', TransientError, 'torn'],
    ['reset', TransientError, "can't be reached"],
    ['stall', TransientError, 'too long'],
    ['drip', TransientError, 'too long'],
  ] as const;

  it.each(faults)(
    '%s: poll says so, the last good commit stays, also after a restart',
    async (fault, type, sentence) => {
      repo.commit({ [FILE]: 'one' });
      const limits = { timeoutMs: 1500, maxBytes: 2 ** 20 };
      const config = await open({ limits });
      const head = await config.head(soon);
      server.fault = fault;
      const error = await failureOf(config.poll(soon));
      expect(error).toBeInstanceOf(type);
      expect((error as Error).message).toContain(sentence);
      expect(await config.head(soon)).toBe(head);
      expect(await (await open({ limits })).head(soon)).toEqual(head);
      server.fault = undefined;
      const commit = repo.commit({ [FILE]: 'two' });
      await config.poll(soon);
      expect(await config.head(soon)).toMatchObject({ commit });
    },
  );

  it('down: the last good commit stays, and without one nothing is told', async () => {
    repo.commit({ [FILE]: 'one' });
    const config = await open();
    const head = await config.head(soon);
    await server.close();
    expect(await failureOf(config.poll(soon))).toBeInstanceOf(TransientError);
    expect(await config.head(soon)).toBe(head);
    const other = await open({ dataDir: join(root, 'other') });
    expect(await failureOf(other.head(soon))).toBeInstanceOf(TransientError);
  });

  it('a branch that went away is an error, not an empty file', async () => {
    repo.commit({ [FILE]: 'one' });
    const config = await open();
    await config.head(soon);
    repo.commit({ x: '1' }, { branch: 'dev' });
    repo.deleteBranch('main');
    const error = await failureOf(config.poll(soon));
    expect(error).toBeInstanceOf(StalledError);
    expect((error as Error).message).toContain('has no branch main: there is dev');
    expect(await textOf(config)).toBe('one');
  });

  it.each(['objects/pack', 'objects', 'refs', 'HEAD', '.'])(
    'a copy that lost %s is fetched again',
    async (part) => {
      const commit = repo.commit({ [FILE]: 'one' });
      await (await open()).head(soon);
      rmSync(join(root, 'data/config-cache', part), { recursive: true, force: true });
      expect(await (await open()).head(soon)).toMatchObject({ commit, file: { bytes: Buffer.from('one') } });
    },
  );

  it('a copy of another address is not taken for this one', async () => {
    repo.commit({ [FILE]: 'one' });
    await (await open()).head(soon);
    makeRepo(join(root, 'served/other')).commit({ [FILE]: 'other' });
    expect(await textOf(await open({ location: `${server.url}/other` }))).toBe('other');
  });

  it('too large a repo is refused', async () => {
    repo.commit({
      [FILE]: 'one',
      big: randomBytes(50_000),
    });
    const error = await failureOf((await open({ limits: { timeoutMs: 5000, maxBytes: 10_000 } })).head(soon));
    expect(error).toBeInstanceOf(StalledError);
    expect((error as Error).message).toContain('larger than');
  });

  it('the token opens a private repo, and no other port ever sees it', async () => {
    const commit = repo.commit({ [FILE]: 'one' });
    server.login = { username: 'x-access-token', password: 'TOPSECRET' };
    expect(await failureOf((await open()).head(soon))).toBeInstanceOf(StalledError);
    const config = await open({ token: 'TOPSECRET' });
    expect(await config.head(soon)).toMatchObject({ commit });
    expect(filesWith(join(root, 'data'), 'TOPSECRET')).toEqual([]);
    const canary = await startCanary();
    server.redirectTo = canary.origin;
    const error = await failureOf(config.poll(soon));
    expect(error).toBeInstanceOf(StalledError);
    expect((error as Error).message).toContain('redirects to');
    expect([canary.requests, canary.authorizations]).toEqual([[], []]);
    await canary.close();
  });

  it('a redirect loop ends', async () => {
    repo.commit({ [FILE]: 'one' });
    server.redirectTo = server.origin;
    expect(await failureOf((await open()).head(soon))).toBeInstanceOf(TransientError);
    expect(server.requests.length).toBeLessThan(10);
  });

  it('an address with a token in it is refused without showing it', async () => {
    const location = `http://me:TOPSECRET@127.0.0.1:${server.port}/config`;
    const error = (await failureOf(open({ location }))) as Error;
    expect(error.message).toContain('BERTH_CONFIG_TOKEN');
    expect(error.message).not.toContain('TOPSECRET');
  });
});

describe('watching a local config repo', () => {
  const git = (...args: readonly string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@localhost', ...args], {
      cwd: join(root, 'work'),
      stdio: ['ignore', 'pipe', 'ignore'],
    }).toString();

  function makeWork(text: string): void {
    mkdirSync(join(root, 'work'), { recursive: true });
    git('init', '-q', '-b', 'main');
    commit(text);
  }

  function commit(text: string): void {
    writeFileSync(join(root, 'work', FILE), text);
    git('add', '-A');
    git('commit', '-q', '-m', text);
  }

  async function until(what: () => boolean, deadlineMs = 10_000): Promise<number> {
    const start = performance.now();
    while (!what()) {
      if (performance.now() - start > deadlineMs) throw new Error('it did not happen in time');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return performance.now() - start;
  }

  it('tells of commits at once, through pack-refs, branch names with slashes, and a repo made anew', async () => {
    makeWork('one');
    const stop = new AbortController();
    const config = await open({ location: join(root, 'work') });
    let calls = 0;
    await config.watch(() => {
      calls += 1;
    }, stop.signal);

    commit('two');
    const tookMs = await until(() => calls > 0);
    console.log(`commit seen after ${tookMs.toFixed(0)} ms`);
    expect(await textOf(config)).toBe('two');

    git('pack-refs', '--all');
    await until(() => calls > 1);
    expect(await textOf(config)).toBe('two');
    calls = 0;
    commit('three');
    await until(() => calls > 0);
    expect(await textOf(config)).toBe('three');

    rmSync(join(root, 'work'), { recursive: true, force: true });
    expect(await failureOf(config.head(soon))).toBeInstanceOf(StalledError);
    calls = 0;
    makeWork('four');
    await until(() => calls > 0);
    expect(await textOf(config)).toBe('four');
    calls = 0;
    commit('five');
    await until(() => calls > 0);
    expect(await textOf(config)).toBe('five');
    stop.abort();
  });

  it('tells of a branch with slashes, and of nothing on other branches', async () => {
    makeWork('one');
    git('checkout', '-q', '-b', 'team/live');
    const stop = new AbortController();
    const config = await open({ location: join(root, 'work'), branch: 'team/live' });
    let calls = 0;
    await config.watch(() => {
      calls += 1;
    }, stop.signal);
    commit('two');
    await until(() => calls > 0);
    expect(await textOf(config)).toBe('two');
    stop.abort();
  });

  it('ends with its signal', async () => {
    makeWork('one');
    const stop = new AbortController();
    const config = await open({ location: join(root, 'work') });
    let calls = 0;
    await config.watch(() => {
      calls += 1;
    }, stop.signal);
    stop.abort();
    await new Promise((resolve) => setImmediate(resolve));
    commit('two');
    await expect(until(() => calls > 0, 500)).rejects.toThrow('did not happen');
  });
});

function filesWith(dir: string, needle: string): readonly string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(needle));
}
