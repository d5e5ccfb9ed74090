/** What a newcomer reads is true: the tables are those of the code, the examples are valid, the links lead somewhere. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../controller/cli/program.ts';
import { SETTINGS } from '../../controller/settings/table.ts';
import { buildDist } from '../support/dist.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const readme = readFileSync(`${ROOT}README.md`, 'utf8');

async function berth(...args: readonly string[]) {
  const out: string[] = [];
  const code = await run(args, {
    env: {},
    // Not the root: a `.env` of whoever works here must not count.
    cwd: `${ROOT}examples`,
    stdin: process.stdin,
    print: (line) => out.push(line),
    complain: (line) => out.push(line),
  });
  return { code, out: out.join('\n') };
}

async function commandNames(): Promise<readonly string[]> {
  const [, list = ''] = (await berth('--help')).out.split('Commands:\n');
  return [...list.matchAll(/^ {2}([a-z-]+)/gm)].flatMap(([, name = '']) => (name === 'help' ? [] : [name]));
}

describe('the tables of the README are made from the code', () => {
  beforeAll(buildDist, 120_000);

  test.each(['reference', 'settings-table'])('scripts/%s.mjs finds nothing to change', async (name) => {
    await promisify(execFile)(process.execPath, [`${ROOT}scripts/${name}.mjs`, '--check']);
  });
});

test('every setting is named, those of .env.example exist', () => {
  for (const { name } of SETTINGS) expect(readme).toContain(`| \`${name}\` |`);
  const known = SETTINGS.map(({ name }) => name as string);
  const told = [...readFileSync(`${ROOT}.env.example`, 'utf8').matchAll(/^# ([A-Z_]+)=/gm)];
  expect(told.length).toBeGreaterThan(5);
  for (const [, name = ''] of told) expect(known).toContain(name);
});

test('every command is in the table, and the table has no other', async () => {
  const names = await commandNames();
  expect(names.length).toBeGreaterThanOrEqual(7);
  const rows = [...readme.matchAll(/^\| `berth ([a-z-]+)[^`]*` \|/gm)].map(([, name]) => name);
  expect(rows.sort()).toEqual([...names].sort());
});

test('every exit code that a command tells is in its row', async () => {
  for (const name of await commandNames()) {
    const [, exit = ''] = (await berth(name, '--help')).out.split('Exit: ');
    const codes = [...exit.matchAll(/(?:^|, )(\d)/g)].map(([, code]) => code);
    const row = readme.split('\n').find((line) => line.startsWith(`| \`berth ${name}`)) ?? '';
    for (const code of codes) expect(row, `${name} exits ${code}`).toMatch(new RegExp(`\\b${code} `));
  }
});

const files = readdirSync(`${ROOT}examples`).map((name) => `${name}/deployments.yaml`);
test.each(files)('examples/%s is valid, and names the schema by a path that exists', async (file) => {
  expect(await berth('validate', file)).toEqual({ code: 0, out: `${file}: 1 deployment, no errors` });
  const path = `${ROOT}examples/${file}`;
  const [, schema = ''] = /^# yaml-language-server: \$schema=(\S+)/.exec(readFileSync(path, 'utf8')) ?? [];
  expect(existsSync(new URL(schema, `file://${path}`))).toBe(true);
});

test('the changelog has something to say about the next version', () => {
  const [, next = ''] = readFileSync(`${ROOT}CHANGELOG.md`, 'utf8').split(/^## .*$/m);
  expect(next).toMatch(/^### (Added|Changed|Fixed|Removed)\n\n- /m);
});

describe('links', () => {
  const pages = ['README.md', 'CHANGELOG.md', 'examples/hello/README.md'];
  const links = pages.flatMap((page) => {
    const found = readFileSync(ROOT + page, 'utf8').matchAll(/\]\((?!https?:)([^)\s]+)\)/g);
    return [...found].map(([, link = '']) => [page, link] as const);
  });

  test('there are some', () => expect(links.length).toBeGreaterThan(3));

  test.each(links)('%s → %s', (page, link) => {
    const { pathname, hash } = new URL(link, `file://${ROOT}${page}`);
    expect(existsSync(pathname), pathname).toBe(true);
    if (hash !== '') expect(anchors(readFileSync(pathname, 'utf8'))).toContain(hash.slice(1));
  });
});

/** As GitHub makes them of headings. */
function anchors(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
