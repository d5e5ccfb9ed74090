import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { remoteError } from './errors.ts';
import { GitFailure, runGit, streamGit } from './git.ts';

const failureOf = async (work: Promise<unknown>): Promise<GitFailure> => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof GitFailure) return error;
  throw new Error(`expected a git failure, got ${String(error)}`);
};

/** A git command that runs until it is killed, with a child of its own. */
const sleep = `sleep ${1_000_000 + process.pid}`;
const endless = ['-c', `alias.wait=!${sleep}`, 'wait'];
const sleepers = () =>
  execFileSync('ps', ['-eo', 'args'])
    .toString()
    .split('\n')
    .filter((line) => line === sleep);

describe('running git', () => {
  it('uses none of the user’s settings, and shows no setting of ours in its arguments', async () => {
    const out = (
      await runGit(['config', '--list', '--show-scope'], { config: [['x.secret', 'SECRET']] })
    ).toString();
    expect(out).toContain('x.secret=SECRET');
    expect(
      out
        .trim()
        .split('\n')
        .filter((line) => !line.startsWith('command')),
    ).toEqual([]);
  });

  it('allows no transport but http and https', async () => {
    for (const url of ['ext::sh -c id', 'file:///etc', '/etc', 'ssh://h/x', 'git://h/x']) {
      expect((await failureOf(runGit(['ls-remote', '--', url]))).stderr).toContain('not allowed');
    }
  });

  it('kills the whole process group at the timeout and at the signal', async () => {
    expect((await failureOf(runGit(endless, { timeoutMs: 200 }))).why).toBe('timeout');
    const aborted = runGit(endless, { signal: AbortSignal.timeout(200) });
    expect((await failureOf(aborted)).why).toBe('aborted');
    expect((await failureOf(runGit(endless, { signal: AbortSignal.abort() }))).why).toBe('aborted');
    expect(sleepers()).toEqual([]);
  });

  it('says so when there is no git', async () => {
    const failure = await failureOf(runGit(['version'], { env: { PATH: '/nonexistent' } }));
    expect(failure.why).toBe('not started');
    expect(remoteError('https://h/x', failure).message).toBe('git was not found: install the git package');
  });

  it('stops output past the limit', async () => {
    expect((await failureOf(runGit(['help', '-a'], { maxBytes: 100 }))).why).toBe('too big');
  });

  it('fails a stream whose command fails', async () => {
    const read = async () => {
      for await (const _chunk of streamGit(['archive', 'HEAD'], { gitDir: '/nonexistent' }));
    };
    expect((await failureOf(read())).why).toBe('exit');
  });

  it('ends git when nobody reads the stream any more', async () => {
    const stream = streamGit(endless);
    stream.resume();
    stream.destroy();
    const deadline = Date.now() + 5000;
    while (sleepers().length > 0 && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(sleepers()).toEqual([]);
  });
});
