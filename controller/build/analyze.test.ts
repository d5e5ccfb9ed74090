import { describe, expect, it } from 'vitest';
import { type MemoryFile, memoryTree } from '../../test/support/memory-tree.ts';
import { StalledError } from '../core/errors.ts';
import type { BuildSpec } from '../core/types.ts';
import { analyze } from './analyze.ts';
import type { NodeRecipe, StaticRecipe } from './plan.ts';

type Files = Readonly<Record<string, MemoryFile>>;
const pkg = (fields: object): string => JSON.stringify({ dependencies: { koa: '3' }, ...fields });
const plan = (files: Files, build: BuildSpec = {}, path = '.') => analyze(memoryTree(files), path, build);

const FOUND: readonly (readonly [string, Files, BuildSpec, string])[] = [
  ['a Dockerfile', { Dockerfile: 'FROM x', 'package.json': pkg({}) }, {}, 'Dockerfile'],
  [
    'a Dockerfile elsewhere',
    { 'ops/web.Dockerfile': 'FROM x' },
    { dockerfile: './ops/web.Dockerfile' },
    'ops/web.Dockerfile',
  ],
  [
    'a Dockerfile that makes build.command useless',
    { Dockerfile: 'FROM x' },
    { command: 'make' },
    'Dockerfile (build.command not used with it)',
  ],
  [
    'a preset in spite of a Dockerfile',
    { Dockerfile: 'FROM x', 'server.js': '' },
    { preset: 'node' },
    'node 20, node server.js',
  ],
  [
    'npm with a lockfile',
    { 'package.json': pkg({ scripts: { start: 'node a.js && x' } }), 'package-lock.json': '{}' },
    {},
    'node 20, npm ci, npm start',
  ],
  [
    'npm without one',
    { 'package.json': pkg({ scripts: { start: 'next start', build: 'next build' } }) },
    {},
    'node 20, npm install, npm run build, npm start',
  ],
  [
    'a plain start script, run without npm',
    { 'package.json': pkg({ scripts: { start: 'node src/app.js --x=1' } }) },
    {},
    'node 20, npm install, node src/app.js --x=1',
  ],
  [
    'a start script with a hook',
    { 'package.json': pkg({ scripts: { start: 'node a.js', prestart: 'x' } }) },
    {},
    'node 20, npm install, npm start',
  ],
  [
    'pnpm by lockfile',
    { 'package.json': pkg({ main: 'a.js' }), 'a.js': '', 'pnpm-lock.yaml': "lockfileVersion: '6.0'" },
    {},
    'node 20, pnpm install, node a.js',
  ],
  [
    'yarn by packageManager',
    { 'package.json': pkg({ packageManager: 'yarn@4.5.1', main: 'a.js' }), 'a.js': '' },
    {},
    'node 20, yarn install, node a.js',
  ],
  ['no packages at all', { 'package.json': '{}', 'index.js': '' }, {}, 'node 20, node index.js'],
  [
    'server.js before index.js',
    { 'package.json': '{}', 'index.js': '', 'server.js': '' },
    {},
    'node 20, node server.js',
  ],
  [
    'main before server.js',
    { 'package.json': pkg({ main: './lib/m.js' }), 'lib/m.js': '', 'server.js': '' },
    {},
    'node 20, npm install, node lib/m.js',
  ],
  [
    'a main that the build makes',
    { 'package.json': pkg({ main: 'dist/m.js', scripts: { build: 'tsc' } }) },
    {},
    'node 20, npm install, npm run build, node dist/m.js',
  ],
  [
    'the major of engines.node',
    { 'package.json': pkg({ engines: { node: '^22.3.0' } }), 'index.js': '' },
    {},
    'node 22, npm install, node index.js',
  ],
  [
    'the usual major for a range',
    { 'package.json': pkg({ engines: { node: '>=18' } }), 'index.js': '' },
    {},
    'node 20, npm install, node index.js',
  ],
  [
    'a front end',
    { 'package.json': pkg({ scripts: { build: 'vite build', dev: 'vite' } }), 'index.html': '' },
    {},
    'node 20, npm install, npm run build, first files of dist, build, out, public',
  ],
  [
    'a front end whose start is a development server',
    { 'package.json': pkg({ scripts: { build: 'x', start: 'react-scripts start' } }) },
    {},
    'node 20, npm install, npm run build, first files of dist, build, out, public',
  ],
  [
    'a front end with an index.js beside index.html',
    { 'package.json': pkg({ scripts: { build: 'x' } }), 'index.html': '', 'index.js': '' },
    {},
    'node 20, npm install, npm run build, first files of dist, build, out, public',
  ],
  [
    'build.output makes it static',
    { 'package.json': pkg({ scripts: { build: 'x', start: 'node a.js' } }) },
    { output: 'www' },
    'node 20, npm install, npm run build, files of www',
  ],
  [
    'own install and command',
    { 'package.json': pkg({ main: 'a.js' }), 'a.js': '' },
    { install: 'npm i', command: 'make && x' },
    'node 20, npm i, make && x, node a.js',
  ],
  [
    'Node and static: Node',
    { 'package.json': '{}', 'server.js': '', 'index.html': '' },
    {},
    'node 20, node server.js',
  ],
  [
    'a package.json for tools only, beside a page',
    { 'package.json': pkg({}), 'index.html': '' },
    {},
    'static, files as they are',
  ],
  [
    'Node and Python: Node',
    { 'package.json': '{}', 'server.js': '', 'app.py': '' },
    {},
    'node 20, node server.js',
  ],
  [
    'the preset decides between two',
    { 'package.json': '{}', 'server.js': '', 'app.py': '' },
    { preset: 'python' },
    'python 3.12, python app.py',
  ],
  [
    'a start from the file',
    { 'package.json': pkg({}) },
    { preset: 'node' },
    'node 20, npm install, start of the file',
  ],
  [
    'Python',
    { 'requirements.txt': 'flask\n', 'main.py': '' },
    {},
    'python 3.12, pip install --no-cache-dir -r requirements.txt, python main.py',
  ],
  [
    'gunicorn',
    { 'requirements.txt': 'flask\ngunicorn==22', 'wsgi.py': 'application = x' },
    {},
    'python 3.12, pip install --no-cache-dir -r requirements.txt, gunicorn --bind "0.0.0.0:$PORT" wsgi:application',
  ],
  [
    'uvicorn',
    { 'pyproject.toml': 'dependencies = ["uvicorn[standard]"]', 'app.py': '' },
    {},
    'python 3.12, pip install --no-cache-dir ., uvicorn app:app --host 0.0.0.0 --port "$PORT"',
  ],
  [
    'Go',
    { 'go.mod': 'module x\n\ngo 1.22.3\n', 'main.go': '' },
    {},
    'go 1.22, go mod download, go build -trimpath -ldflags=-s -o /out/app .',
  ],
  [
    'Go below cmd',
    { 'go.mod': 'module x', 'cmd/serve/main.go': '' },
    {},
    'go 1.23, go mod download, go build -trimpath -ldflags=-s -o /out/app ./cmd/serve',
  ],
  ['a page', { 'index.html': '' }, {}, 'static, files as they are'],
  ['a page in public', { 'public/index.html': '' }, {}, 'static, files of public'],
  [
    'files with a command',
    { 'src/a.md': '' },
    { command: 'sh make.sh', output: 'site' },
    'static, sh make.sh, files of site',
  ],
];

const LARGE = { claims: 50_000_000 };
const REFUSED: readonly (readonly [string, Files, BuildSpec, RegExp])[] = [
  [
    'B72 a Dockerfile above the path',
    { Dockerfile: '' },
    { dockerfile: '../../etc/passwd' },
    /build\.dockerfile must be a path below/,
  ],
  ['B72 .. inside', { Dockerfile: '' }, { dockerfile: 'a/../Dockerfile' }, /without \.\./],
  ['B72 an absolute one', { Dockerfile: '' }, { dockerfile: '/etc/passwd' }, /must be a path below/],
  ['B72 a missing one', { Dockerfile: '' }, { dockerfile: 'x/Dockerfile' }, /x\/Dockerfile does not exist/],
  ['B72 a directory', { 'ops/a': '' }, { dockerfile: 'ops' }, /ops is a directory/],
  ['B68 a link', { Dockerfile: { link: '/etc/shadow' } }, {}, /Dockerfile is a link/],
  ['B68 a link by name', { d: { link: '/etc/shadow' } }, { dockerfile: 'd' }, /d is a link/],
  [
    'B68 a package.json that is a link',
    { 'package.json': { link: '/etc/shadow' } },
    {},
    /package\.json is a link/,
  ],
  ['B72 50 MB', { Dockerfile: LARGE }, {}, /larger than 1 MiB/],
  ['B71 .git', {}, { dockerfile: '.git/config' }, /can't lie in \.git/],
  ['B72 a newline in its name', {}, { dockerfile: 'a\nRUN x' }, /letters, digits/],
  ['a dockerfile and a preset', { Dockerfile: '' }, { dockerfile: 'Dockerfile', preset: 'go' }, /both/],
  [
    'B79 a newline in the install',
    { 'package.json': '{}' },
    { install: 'npm i\nUSER root' },
    /build\.install must be one line/,
  ],
  [
    'B79 a NUL in the command',
    { 'package.json': '{}' },
    { command: 'x\0' },
    /build\.command must be one line/,
  ],
  [
    'B79 a variable in the output',
    { 'package.json': '{}' },
    { output: '$HOME' },
    /build\.output may hold letters/,
  ],
  [
    'an output above the path',
    { 'index.html': '' },
    { output: '../x' },
    /build\.output must be a path below/,
  ],
  [
    'a build argument that is none',
    { 'index.html': '' },
    { args: { 'A B': '1' } },
    /"A B" is not a variable name/,
  ],
  [
    'B80 nothing known',
    { 'main.rs': '' },
    {},
    /no way to build the repo was found: looked for Dockerfile, package\.json/,
  ],
  ['B80 an empty directory', {}, {}, /index\.html \(static\); add one/],
  [
    'a preset that finds nothing of its kind',
    { 'index.html': '' },
    { preset: 'go' },
    /nothing the go preset knows/,
  ],
  ['broken JSON', { 'package.json': '{' }, {}, /package\.json is not valid JSON/],
  ['nothing to start', { 'package.json': '[1]' }, {}, /nothing to start or build/],
  ['a huge package.json', { 'package.json': LARGE }, {}, /package\.json is larger/],
  ['Python without an entry', { 'requirements.txt': 'x' }, {}, /none of app\.py, main\.py, wsgi\.py/],
  ['Go with two commands', { 'go.mod': '', 'cmd/a/a.go': '', 'cmd/b/b.go': '' }, {}, /cmd\/ has a, b/],
];

describe('analysis finds', () => {
  it.each(FOUND)('%s', async (_name, files, build, summary) => {
    expect((await plan(files, build)).summary).toBe(summary);
  });
});

describe('analysis refuses', () => {
  it.each(REFUSED)('%s', async (_name, files, build, message) => {
    const failure = await plan(files, build).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StalledError);
    expect((failure as Error).message).toMatch(message);
  });

  it('looks below the path only', async () => {
    await expect(plan({ Dockerfile: 'FROM x', 'api/x.rs': '' }, {}, 'api')).rejects.toThrow(
      /no way to build api/,
    );
    expect(
      (await plan({ Dockerfile: 'FROM x', 'api/go.mod': '', 'api/m.go': '' }, {}, 'api')).summary,
    ).toMatch(/^go/);
  });
});

describe('a Node recipe', () => {
  async function recipe(files: Files, build: BuildSpec = {}): Promise<NodeRecipe | StaticRecipe> {
    const found = await plan(files, build);
    if (found.kind !== 'preset' || (found.recipe.preset !== 'node' && found.recipe.preset !== 'static'))
      throw new Error('no Node');
    return found.recipe;
  }
  const locked = { 'package-lock.json': '{}', 'index.js': '' };

  it('copies the lockfile ahead, so that other changes install nothing', async () => {
    expect((await recipe({ 'package.json': pkg({}), ...locked })).manifests).toEqual([
      'package.json',
      'package-lock.json',
    ]);
  });

  it('copies everything ahead when installing runs scripts of the repo or needs its packages', async () => {
    const scripts = { postinstall: 'node scripts/x.js' };
    expect((await recipe({ 'package.json': pkg({ scripts }), ...locked })).manifests).toEqual([]);
    const dependencies = { a: 'file:../a' };
    expect((await recipe({ 'package.json': pkg({ dependencies }), ...locked })).manifests).toEqual([]);
    expect((await recipe({ 'package.json': pkg({ workspaces: ['a'] }), ...locked })).manifests).toEqual([]);
  });

  it('installs for building, then removes what only the build needed', async () => {
    const built = await recipe({
      'package.json': pkg({ scripts: { build: 'tsc', start: 'node d.js' } }),
      ...locked,
    });
    expect(built).toMatchObject({
      install: expect.stringMatching(/--include=dev/),
      prune: expect.stringMatching(/^npm prune/),
    });
    const plain = await recipe({ 'package.json': pkg({}), ...locked });
    expect(plain.install).toMatch(/--omit=dev/);
    expect(plain).not.toHaveProperty('prune');
  });

  it('takes only a well-formed packageManager', async () => {
    const tool = async (packageManager: unknown, extra: Files = {}) =>
      (await recipe({ 'package.json': pkg({ packageManager }), 'index.js': '', ...extra })).tool;
    expect(await tool('pnpm@9.12.1+sha512.abcdef')).toBe('pnpm@9.12.1');
    expect(await tool('yarn@4.5.1')).toBe('@yarnpkg/cli-dist@4.5.1');
    expect(await tool('pnpm@9.12.1 && curl evil')).toBeUndefined();
    expect(await tool('pnpm@latest', { 'yarn.lock': '' })).toBe('yarn@1.22.22');
    expect(await tool(7)).toBeUndefined();
  });
});
