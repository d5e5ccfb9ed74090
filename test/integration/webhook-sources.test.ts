/** What a webhook's hint asks of the sources: which repos and refs are in use, and whether a look saw what was pushed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSources } from '../../controller/clients/git/sources.ts';
import type { SourceRef, Sources } from '../../controller/clients/types.ts';
import { runStep } from '../../controller/core/step.ts';
import { type GitServer, startGitServer } from '../support/git-server.ts';
import { makeRepo, type TestRepo } from '../support/make-repo.ts';

let root: string;
let server: GitServer;
let blog: TestRepo;
let sources: Sources;
let repo: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'berth-seen-'));
  server = await startGitServer(join(root, 'served'));
  blog = makeRepo(join(root, 'served/cd-seen'));
  repo = `${server.url}/cd-seen`;
  sources = createSources({
    ...{ dir: join(root, 'sources'), gitAllow: ['127.0.0.1'], step: runStep, onChange: () => undefined },
  });
});

afterEach(async () => {
  await sources.close();
  await server.close();
  await rm(root, { recursive: true, force: true });
});

async function ask(ref: SourceRef): Promise<void> {
  sources.head({ repo, ref, path: '.' });
  await sources.settle(AbortSignal.timeout(30_000));
}

test('a commit is seen once a look has found and fetched it, by whatever spelling', async () => {
  const first = blog.commit({ 'a.txt': '1' });
  expect(sources.inUse()).toEqual([]);
  await ask({});
  expect(sources.inUse()).toEqual([{ repo, refs: [{}] }]);
  expect(sources.saw(repo, first)).toBe(true);
  const second = blog.commit({ 'a.txt': '2' });
  expect(sources.saw(repo, second)).toBe(false);
  await sources.poll(`${repo.toUpperCase().replace('HTTP', 'http')}.git`);
  expect(sources.saw(`${repo}.git`, second)).toBe(true);
  expect(sources.saw(repo, first)).toBe(false);
  expect(sources.saw(`${server.url}/other`, second)).toBe(false);
});

test('an annotated tag is seen by its own id, which is what a push of it tells', async () => {
  const commit = blog.commit({ 'a.txt': '1' });
  blog.tag('v1', commit, { annotated: true });
  await ask({ tag: 'v1' });
  expect(sources.saw(repo, blog.git('rev-parse', 'v1'))).toBe(true);
  expect(sources.saw(repo, commit)).toBe(true);
});

test('a commit on another branch is not what was pushed, nor is one that could not be fetched', async () => {
  blog.commit({ 'a.txt': '1' });
  const dev = blog.commit({ 'a.txt': 'dev' }, { branch: 'dev' });
  await ask({});
  expect(sources.saw(repo, dev)).toBe(false);
  const next = blog.commit({ 'a.txt': '2' });
  server.fault = 'server error';
  await sources.poll(repo);
  expect(sources.saw(repo, next)).toBe(false);
  server.fault = undefined;
  await sources.poll(repo);
  expect(sources.saw(repo, next)).toBe(true);
});
