import { generateIdentity, identityToRecipient } from 'age-encryption';
import { beforeAll, expect, test } from 'vitest';
import { StalledError } from '../core/errors.ts';
import { reseal } from './reseal.ts';
import { openSealed } from './sealed/open.ts';
import { seal } from './sealed/seal.ts';

const FILE = 'deployments.yaml';
let old: string;
let newest: string;
let recipient: string;

beforeAll(async () => {
  [old, newest] = [await generateIdentity(), await generateIdentity()];
  recipient = await identityToRecipient(newest);
});

const place = (name: string, deployment = 'blog', service = 'web') => ({ deployment, service, name });
const forOld = async (value: string, at: ReturnType<typeof place>): Promise<string> =>
  seal(value, at, await identityToRecipient(old));
const again = (text: string) => reseal(text, { file: FILE, identities: [old, newest], recipient });
const env = (lines: string): string => `deployments:\n  blog:\n    image: a\n    env:\n${lines}`;

test('only the sealed values change, whatever stands around them', async () => {
  const [a, b, c, d, e] = await Promise.all([
    forOld('one', place('A')),
    forOld('two', place('B')),
    forOld('three\nlines\n', place('C')),
    forOld('four', place('D', 'shop', 'api')),
    forOld('five', place('E', 'shop', 'api')),
  ]);
  const page = (one: string, two: string, three: string, four: string, five: string): string =>
    [
      '\ufeff# the file  ',
      'deployments:',
      '   blog:   # a site',
      '      image: "nginx"',
      '      env:',
      `         A:    !sealed   ${one}   # about A`,
      `         B: !sealed '${two}'`,
      '',
      '         # above C',
      `         C: !sealed "${three}"`,
      '         PLAIN: x',
      '   shop:',
      `      services: { api: { image: a, env: { D: !sealed ${four}, X: "y" } }, web: { image: b } }`,
      '',
    ]
      .join('\r\n')
      .replace('X: "y"', `X: "y", E: !sealed ${five}`);
  const done = await again(page(a, b, c, d, e));
  expect(done.changed).toEqual([
    'deployments/blog/env/A',
    'deployments/blog/env/B',
    'deployments/blog/env/C',
    'deployments/shop/services/api/env/D',
    'deployments/shop/services/api/env/E',
  ]);
  expect([done.failed, done.fresh]).toEqual([[], 0]);
  const [one = '', two = '', three = '', four = '', five = ''] =
    done.text.match(/[A-Za-z0-9+/]{100,}=*/g) ?? [];
  expect(done.text).toBe(page(one, two, three, four, five));
  expect(await openSealed(one, place('A'), [newest])).toBe('one');
  expect(await openSealed(three, place('C'), [newest])).toBe('three\nlines\n');
  expect(await openSealed(four, place('D', 'shop', 'api'), [newest])).toBe('four');
  expect(await openSealed(five, place('E', 'shop', 'api'), [newest])).toBe('five');
});

test('a second time there is nothing to do', async () => {
  const text = env(`      A: !sealed ${await forOld('one', place('A'))}\n`);
  const once = await again(text);
  expect(once.changed).toHaveLength(1);
  expect(await again(once.text)).toEqual({ text: once.text, changed: [], failed: [], fresh: 1 });
  expect(await again('deployments: {}\n')).toEqual({
    text: 'deployments: {}\n',
    changed: [],
    failed: [],
    fresh: 0,
  });
});

test('what can not be opened is named with its line and stays, the others are sealed again', async () => {
  const other = await identityToRecipient(await generateIdentity());
  const [foreign, copied, good] = await Promise.all([
    seal('x', place('FOREIGN'), other),
    forOld('x', place('ELSEWHERE')),
    forOld('x', place('GOOD')),
  ]);
  const text = env(
    `      FOREIGN: !sealed ${foreign}\n      COPIED: !sealed ${copied}\n      GOOD: !sealed ${good}\n      BAD: !sealed AAAA\n`,
  );
  const done = await again(text);
  expect(done.changed).toEqual(['deployments/blog/env/GOOD']);
  expect(done.failed.map((line) => line.split(': ')[0])).toEqual([
    `${FILE}:5:24 deployments/blog/env/FOREIGN`,
    `${FILE}:6:23 deployments/blog/env/COPIED`,
    `${FILE}:8:20 deployments/blog/env/BAD`,
  ]);
  expect(done.text.replace(/GOOD: .*/, '')).toBe(text.replace(/GOOD: .*/, ''));
});

test('a sealed value where none may stand is named', async () => {
  const { failed } = await again('deployments:\n  blog:\n    image: !sealed AAAA\n');
  expect(failed).toEqual([
    expect.stringMatching(/deployments\/blog\/image: stands where no sealed value may/),
  ]);
});

test('values in a block or split over lines are sealed again too', async () => {
  const sealed = await forOld('one', place('A'));
  const half = `${sealed.slice(0, 80)}\\\n         ${sealed.slice(80)}`;
  for (const written of [
    `!sealed |-\n        ${sealed}`,
    `!sealed >-\n        ${sealed}`,
    `!sealed "${half}"`,
  ]) {
    const done = await again(env(`      A: ${written}\n      B: x\n`));
    expect(done.changed).toHaveLength(1);
    const next = /[A-Za-z0-9+/]{100,}=*/.exec(done.text)?.[0] ?? '';
    expect(await openSealed(next, place('A'), [newest])).toBe('one');
    expect(done.text).toContain('\n      B: x\n');
  }
});

test('an alias of a sealed value is sealed again where it is right, and named where it is not', async () => {
  const sealed = await forOld('one', place('A'));
  const done = await again(
    `deployments:\n  blog: { image: a, env: &e { A: !sealed ${sealed} } }\n  copy: { image: a, env: *e }\n`,
  );
  expect(done.changed).toEqual(['deployments/blog/env/A']);
  expect(done.failed).toEqual([expect.stringContaining('deployments/copy/env/A: was sealed for')]);
});

test('a file that is wrong as a whole is not touched', async () => {
  await expect(again('deployments:\n  a: 1\n  a: 2\n')).rejects.toThrow(StalledError);
});
