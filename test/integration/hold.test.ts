/** A commit that deletes more than BERTH_MAX_DELETIONS: held, shown everywhere, released by a person. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Berth, startBerth } from '../support/berth.ts';
import { type CliEnd, cli } from '../support/cli.ts';
import { buildDist } from '../support/dist.ts';
import { entry, fileOf, suspended } from '../support/entries.ts';
import { tinyImage } from '../support/tiny-image.ts';

let berth: Berth;
let image: string;
let commit: string;

const berthSays = (...args: readonly string[]): Promise<CliEnd> => cli(args, { env: berth.env });
const idle = (...names: readonly string[]): readonly string[] => names.map((name) => suspended(name, image));
const push = async (...entries: readonly string[]): Promise<void> => {
  commit = await berth.commit({ 'deployments.yaml': fileOf(...entries) });
};
const heldNow = (): readonly string[] => berth.session.runner.last?.plan?.held ?? [];
const statusOf = async (name: string): Promise<number> => (await berth.get(`${name}.localhost`)).status;

/** What the default server answers to a hostname that is no site (any more). */
const NO_SITE = 421;
const STOPPED = 503;

beforeAll(async () => {
  image = await tinyImage();
  await buildDist();
  berth = await startBerth({ BERTH_MAX_DELETIONS: '2', BERTH_PORTS: '7300-7349' });
  await push(...idle('oha', 'ohb', 'ohc', 'ohd'), entry('ohrun', image, 'one'));
  await berth.converged();
});

afterAll(async () => {
  try {
    await push();
    await berth.converged();
    if (heldNow().length > 0) await berthSays('approve', commit);
  } finally {
    await berth.tearDown();
  }
});

test('is held, and everything else of it applies', async () => {
  await push(...idle('ohd', 'ohe'), entry('ohrun', image, 'two'));
  await berth.converged();
  expect(heldNow()).toEqual(['oha', 'ohb', 'ohc']);
  expect((await berth.get('ohrun.localhost')).body).toBe('two');
  for (const name of ['oha', 'ohb', 'ohc', 'ohe']) expect(await statusOf(name)).toBe(STOPPED);
});

test('the plan shows what is held and how to release it', async () => {
  const { code, out, err } = await berthSays('plan');
  expect({ code, err }).toEqual({ code: 2, err: '' });
  const short = commit.slice(0, 12);
  expect(out.trim().split('\n')).toEqual([
    ...['oha', 'ohb', 'ohc'].map(
      (name) => `- vhost ${name}  its deployment left the file (held until \`berth approve ${short}\`)`,
    ),
    ...['oha', 'ohb', 'ohc'].map(
      (name) =>
        `- network berth-${name}  its deployment left the file (held until \`berth approve ${short}\`)`,
    ),
    `held: oha, ohb, ohc would be deleted, more than BERTH_MAX_DELETIONS allows; \`berth approve ${short}\` releases exactly these`,
    '0 to create, 0 to update, 6 to delete',
  ]);
  expect(JSON.parse((await berthSays('plan', '--json')).out)).toMatchObject({
    commit,
    held: ['oha', 'ohb', 'ohc'],
    errors: [],
  });
});

test('it survives a restart of the controller', async () => {
  await berth.restart();
  await berth.converged();
  expect(heldNow()).toEqual(['oha', 'ohb', 'ohc']);
  expect(await statusOf('oha')).toBe(STOPPED);
});

test('only its own commit releases it', async () => {
  const parent = await berth.git('rev-parse', 'HEAD~1');
  for (const wrong of [parent, commit.slice(0, 6), 'HEAD', `${commit}0`]) {
    const { code, err } = await berthSays('approve', wrong);
    expect(code).toBe(1);
    expect(err).toBe(
      `berth: deletions are held for commit ${commit.slice(0, 12)}, not ${wrong}: look at \`berth plan\`, then approve that\n`,
    );
  }
  await berth.converged();
  expect(heldNow()).toEqual(['oha', 'ohb', 'ohc']);
});

test('an approval releases exactly what was held', async () => {
  const { code, out } = await berthSays('approve', commit.slice(0, 7));
  expect({ code, out }).toEqual({ code: 0, out: 'approved: oha, ohb, ohc will be deleted\n' });
  await berth.until('nothing is held', () => heldNow().length === 0);
  await berth.converged();
  for (const name of ['oha', 'ohb', 'ohc']) expect(await statusOf(name)).toBe(NO_SITE);
  for (const name of ['ohd', 'ohe']) expect(await statusOf(name)).toBe(STOPPED);
  const { code: again, err } = await berthSays('approve', commit);
  expect({ again, err }).toEqual({
    again: 1,
    err: 'berth: nothing is held: there is no deletion to approve\n',
  });
});

test('a name that was approved once and comes back is not approved any more', async () => {
  await push(...idle('oha', 'ohb', 'ohd', 'ohe'), entry('ohrun', image, 'two'));
  await berth.converged();
  await push(...idle('ohd'), entry('ohrun', image, 'two'));
  await berth.converged();
  expect(heldNow()).toEqual(['oha', 'ohb', 'ohe']);
});

test('a commit that puts enough of it back releases the rest', async () => {
  await push(...idle('oha', 'ohd'), entry('ohrun', image, 'two'));
  await berth.converged();
  expect(heldNow()).toEqual([]);
  expect(await statusOf('oha')).toBe(STOPPED);
  expect(await statusOf('ohb')).toBe(NO_SITE);
});

test('to rename everything makes the new ones and holds the old', async () => {
  await push(...idle('ohx', 'ohy'), entry('ohran', image, 'three'));
  await berth.converged();
  expect(heldNow()).toEqual(['oha', 'ohd', 'ohrun']);
  expect((await berth.get('ohran.localhost')).body).toBe('three');
  expect((await berth.get('ohrun.localhost')).body).toBe('two');
  const json = await berthSays('approve', commit, '--json');
  expect(JSON.parse(json.out)).toEqual({ ok: true, commit, deployments: ['oha', 'ohd', 'ohrun'] });
  await berth.until('nothing is held', () => heldNow().length === 0);
  await berth.converged();
  expect(await statusOf('ohrun')).toBe(NO_SITE);
});

test('without a commit that is held, each commit may delete its share at once', async () => {
  await push(...idle('ohx'), entry('ohran', image, 'three'));
  await push(entry('ohran', image, 'three'));
  await berth.converged();
  expect(heldNow()).toEqual([]);
  expect(await statusOf('ohx')).toBe(NO_SITE);
});
