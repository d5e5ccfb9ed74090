import { afterEach, expect, test } from 'vitest';
import { virtualTime } from '../../test/support/virtual-time.ts';
import type { SourceRef } from '../clients/types.ts';
import { createLog } from '../log.ts';
import { createHints, type HintOptions, type PushHint } from './hints.ts';

const NEW = 'c'.repeat(40);

let stop = new AbortController();
afterEach(() => {
  stop.abort();
  stop = new AbortController();
});

/** What is asked of whom, in order, when these repos are in use. */
function world(inUse: Readonly<Record<string, readonly SourceRef[]>>, options: Partial<HintOptions> = {}) {
  const time = virtualTime();
  const asked: string[] = [];
  const lines: string[] = [];
  const hints = createHints(
    {
      configRepo: 'https://github.com/acme/config',
      configBranch: 'main',
      config: {
        poll: async () => void asked.push('poll config'),
        head: async () => ({ commit: NEW, file: { missing: 'it' } }),
      },
      sources: {
        inUse: () => Object.entries(inUse).map(([repo, refs]) => ({ repo, refs })),
        saw: () => true,
        poll: async (repo) => void asked.push(`poll ${repo}`),
      },
      poke: (trigger) => asked.push(`poke ${trigger}`),
      log: createLog('debug', (line) => lines.push(line.slice(9).trimEnd())),
      pause: time.pause,
      ...options,
    },
    stop.signal,
  );
  return { time, asked, lines, hints };
}

const push = (place: string, ref = 'refs/heads/main', more: Partial<PushHint> = {}): PushHint => ({
  ...{ place, ref, after: NEW, defaultBranch: 'main', ...more },
});

const BLOG = 'https://github.com/Acme/Blog.git';
const LOOK = [`poll ${BLOG}`];

test.each<[string, readonly SourceRef[], PushHint, boolean]>([
  ['the default branch', [{}], push('github.com/acme/blog'), true],
  ['a repo without its host', [{}], push('/acme/blog'), true],
  ['another branch than the default', [{}], push('github.com/acme/blog', 'refs/heads/dev'), false],
  ['a branch in use', [{ branch: 'dev' }], push('github.com/acme/blog', 'refs/heads/dev'), true],
  [
    'one of several',
    [{ tag: 'v1' }, { branch: 'dev' }],
    push('github.com/acme/blog', 'refs/heads/dev'),
    true,
  ],
  ['the default while a branch is in use', [{ branch: 'dev' }], push('github.com/acme/blog'), false],
  ['a tag in use', [{ tag: 'v1' }], push('github.com/acme/blog', 'refs/tags/v1'), true],
  ['a branch named as the tag', [{ tag: 'v1' }], push('github.com/acme/blog', 'refs/heads/v1'), false],
  ['a tag named as the branch', [{ branch: 'v1' }], push('github.com/acme/blog', 'refs/tags/v1'), false],
  ['a tag', [{}], push('github.com/acme/blog', 'refs/tags/main'), false],
  ['a fixed commit', [{ commit: NEW }], push('github.com/acme/blog'), false],
  [
    'a deleted branch',
    [{}],
    push('github.com/acme/blog', 'refs/heads/main', { after: '0'.repeat(40) }),
    false,
  ],
  ['a fork', [{}], push('github.com/mallory/blog'), false],
  ['another host', [{}], push('gitlab.com/acme/blog'), false],
  ['a repo that was renamed', [{}], push('github.com/acme/journal'), false],
])('a push to %s', async (_what, refs, hint, looked) => {
  const { time, asked, lines, hints } = world({ [BLOG]: refs });
  hints.push(hint);
  await time.pass(60_000);
  expect(asked).toEqual(looked ? LOOK : []);
  expect(lines).toEqual(
    looked ? [] : [`debug: a push to ${hint.ref} of ${hint.place} is ignored: nothing follows it`],
  );
});

test('where the default branch is not told, any may be it', async () => {
  const { time, asked, hints } = world({ [BLOG]: [{}] });
  const { defaultBranch: _, ...hint } = push('github.com/acme/blog', 'refs/heads/trunk');
  hints.push(hint);
  await time.pass(60_000);
  expect(asked).toEqual(LOOK);
});

test('a push to the config branch looks at the config repo, and to another does not', async () => {
  const { time, asked, hints } = world({});
  hints.push(push('github.com/acme/config', 'refs/heads/dev'));
  expect(asked).toEqual([]);
  hints.push(push('github.com/acme/config'));
  await time.pass(60_000);
  expect(asked).toEqual(['poll config', 'poke webhook']);
});

test('a config repo that is an app too is looked at as both', async () => {
  const { time, asked, hints } = world({ 'https://github.com/acme/config': [{}] });
  hints.push(push('github.com/acme/config'));
  await time.pass(60_000);
  expect([...asked].sort()).toEqual(['poke webhook', 'poll config', 'poll https://github.com/acme/config']);
});

test('two spellings of one repo share one look', async () => {
  const { time, asked, hints } = world({ [BLOG]: [{}], 'https://github.com/acme/blog': [{}] });
  hints.push(push('github.com/acme/blog'));
  await time.pass(60_000);
  expect(asked).toHaveLength(1);
});

test('a config repo on this machine is nobody else', async () => {
  const { asked, hints } = world({}, { configRepo: '/srv/config' });
  hints.push(push('/srv/config'));
  hints.push(push('github.com/srv/config'));
  expect(asked).toEqual([]);
});

test('a remote that fails is looked at again, and the failure is not ours to tell', async () => {
  let left = 2;
  const config = {
    poll: async () => {
      left -= 1;
      if (left >= 0) throw new Error('down');
    },
    head: async () => ({ commit: NEW, file: { missing: 'it' } }),
  };
  const { time, asked, lines, hints } = world({}, { config });
  hints.push(push('github.com/acme/config'));
  await time.pass(60_000);
  expect(asked).toEqual(Array(3).fill('poke webhook'));
  expect(lines).toEqual([]);
});

test('a commit that never shows is told once, with the repo', async () => {
  const sources = {
    inUse: () => [{ repo: BLOG, refs: [{}] }],
    saw: () => false,
    poll: async () => undefined,
  };
  const { time, lines, hints } = world({}, { sources });
  hints.push(push('github.com/acme/blog'));
  await time.pass(60_000);
  expect(lines).toEqual(['ccccccc of github.com/acme/blog can not be seen there yet: left to the poll']);
});
