/** The house rules that a reader can't see at a glance: which floor may know which, what no file may hold, how long it may be. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const CONTROLLER = fileURLToPath(new URL('../../controller', import.meta.url));

/** Higher floors may import lower ones and their own. */
const FLOORS: readonly (readonly [area: string, floor: number])[] = [
  ['core/', 0],
  ['log.ts', 1],
  ['manifest/', 1],
  ['clients/', 1],
  ['kinds/', 2],
  ['build/', 2],
  ['settings', 3],
  ['loop/', 3],
  ['api/', 4],
  ['cli/', 5],
  ['main.ts', 6],
];

const MAX_LINES = 250;
const REASON = /Over 250 lines because/;

interface Source {
  readonly path: string;
  readonly text: string;
  /** Text without comments; strings stay. */
  readonly code: string;
  readonly imports: readonly { readonly from: string; readonly typeOnly: boolean }[];
}

const files: readonly Source[] = readdirSync(CONTROLLER, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  .sort()
  .map(readSource);

function readSource(path: string): Source {
  const text = readFileSync(join(CONTROLLER, path), 'utf8');
  const code = withoutComments(text);
  const statements = code.matchAll(/^(?:import|export)\s([^;'"]*?from\s*)?['"]([^'"]+)['"]/gm);
  const dynamic = code.matchAll(/\bimport\(\s*(['"])([^'"]+)\1\s*\)/g);
  const imports = [
    ...[...statements].map((m) => ({ from: m[2] ?? '', typeOnly: /^type\s/.test(m[1] ?? '') })),
    ...[...dynamic].map((m) => ({ from: m[2] ?? '', typeOnly: false })),
  ];
  return { path, text, code, imports };
}

/** Good enough for our own formatted code: a comment starts a line, or follows code after a space. */
function withoutComments(text: string): string {
  return text.replace(/\/\*\*?[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

function areaOf(path: string): readonly [area: string, floor: number] {
  const found = FLOORS.find(([area]) => path.startsWith(area));
  if (!found) throw new Error(`${path} stands on no floor: add its folder to FLOORS`);
  return found;
}

/** Path below controller/ of a relative import, undefined for a package. */
function target(file: Source, from: string): string | undefined {
  return from.startsWith('.')
    ? relative(CONTROLLER, resolve(CONTROLLER, dirname(file.path), from))
    : undefined;
}

/** `path: what` for every line of code that matches. */
function linesWith(pattern: RegExp, sources: readonly Source[] = files): readonly string[] {
  return sources.flatMap((file) =>
    file.code.split('\n').flatMap((line) => (pattern.test(line) ? [`${file.path}: ${line.trim()}`] : [])),
  );
}

test('the test sees the files and their imports', () => {
  expect(files.length).toBeGreaterThan(20);
  const settings = files.find((file) => file.path === 'settings.ts');
  expect(settings?.imports.map((one) => one.from)).toContain('./settings/env.ts');
  const program = files.find((file) => file.path === 'cli/program.ts');
  expect(program?.imports.map((one) => one.from)).toContain('./validate.ts');
});

test('imports run down the floors only', () => {
  const wrong = files.flatMap((file) =>
    file.imports.flatMap(({ from }) => {
      const path = target(file, from);
      if (path === undefined) return [];
      const outside = path.startsWith('..');
      return outside || areaOf(path)[1] > areaOf(file.path)[1] ? [`${file.path} imports ${from}`] : [];
    }),
  );
  expect(wrong).toEqual([]);
});

test('the core imports nothing but itself', () => {
  const wrong = files
    .filter((file) => file.path.startsWith('core/'))
    .flatMap((file) =>
      file.imports
        .filter(({ from }) => !target(file, from)?.startsWith('core/'))
        .map(({ from }) => `${file.path} imports ${from}`),
    );
  expect(wrong).toEqual([]);
});

test('no clock and no chance in the core', () => {
  const core = files.filter((file) => file.path.startsWith('core/'));
  expect(
    linesWith(/\bDate\b|\bperformance\.|Math\.random|setTimeout|setInterval|\bprocess\.|\bfetch\(/, core),
  ).toEqual([]);
});

test('no import goes round in a circle, not even one of types', () => {
  const next = new Map(
    files.map((file) => [file.path, file.imports.flatMap(({ from }) => target(file, from) ?? [])] as const),
  );
  expect(circles(next)).toEqual([]);
});

test('no two areas of one floor lean on each other', () => {
  const next = new Map<string, string[]>();
  for (const file of files) {
    const [area] = areaOf(file.path);
    const there = file.imports
      .flatMap(({ from }) => target(file, from) ?? [])
      .map((path) => areaOf(path)[0])
      .filter((other) => other !== area);
    next.set(area, [...(next.get(area) ?? []), ...there]);
  }
  expect(circles(next)).toEqual([]);
});

/** Every circle found by a walk, as `a → b → a`. */
function circles(next: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const found = new Set<string>();
  const done = new Set<string>();
  const walk = (at: string, trail: readonly string[]): void => {
    if (trail.includes(at)) found.add([...trail.slice(trail.indexOf(at)), at].join(' → '));
    if (trail.includes(at) || done.has(at)) return;
    for (const to of next.get(at) ?? []) walk(to, [...trail, at]);
    done.add(at);
  };
  for (const start of next.keys()) walk(start, []);
  return [...found];
}

test('the walk does find a circle', () => {
  const next = new Map([
    ['a', ['b']],
    ['b', ['c']],
    ['c', ['b']],
  ]);
  expect(circles(next)).toEqual(['b → c → b']);
});

test('only settings are read from the environment, by main.ts', () => {
  expect(linesWith(/\bprocess\.env\b/).filter((line) => !line.startsWith('main.ts:'))).toEqual([]);
});

test('no file is over 250 lines without a reason at its top, and the pass fits on a screen', () => {
  const lines = (file: Source) => file.text.trimEnd().split('\n').length;
  const long = files.filter((file) => lines(file) > MAX_LINES && !REASON.test(file.text.slice(0, 800)));
  expect(long.map((file) => `${file.path}: ${lines(file)}`)).toEqual([]);
  const pass = files.find((file) => file.path === 'loop/reconcile.ts');
  expect(pass).toBeDefined();
  if (pass) expect(lines(pass)).toBeLessThan(60);
});

test('no any, no enum, no default export, no barrel', () => {
  expect(linesWith(/(:|<|\bas|\|)\s*any\b(?!\s*\()/)).toEqual([]);
  expect(
    linesWith(/^\s*(export\s+)?(const\s+)?enum\s|^export default|^export \* from|@ts-ignore|@ts-nocheck/),
  ).toEqual([]);
});

test('nothing is run by a shell, and no text becomes code', () => {
  expect(linesWith(/shell:\s*true|renderString|\beval\(|new Function\b|innerHTML/)).toEqual([]);
  const processes = files.flatMap(({ path, code }) =>
    [...code.matchAll(/import\s+([^;]*?)\s+from\s+'(?:node:)?child_process'/g)].map((m) => ({
      path,
      names: m[1] ?? '',
    })),
  );
  expect(processes.length).toBeGreaterThan(0);
  // The rest of the module runs a file with a list of arguments.
  const shells = processes.filter(({ names }) => /\bexec(Sync)?\b|\*|^\w/.test(names.replace(/^type /, '')));
  expect(shells).toEqual([]);
});

test('every exported function says what it promises', () => {
  const bare = files.flatMap((file) => {
    const rows = file.text.split('\n');
    const names = rows.flatMap((row, n) => {
      const name = /^export (?:async )?function\*? (\w+)/.exec(row)?.[1];
      return name ? [{ name, told: (rows[n - 1] ?? '').trim().endsWith('*/') }] : [];
    });
    // The words at the top of a file speak for the one function it is about.
    const spokenFor = names.length === 1 && file.text.startsWith('/**');
    return spokenFor ? [] : names.filter(({ told }) => !told).map(({ name }) => `${file.path}: ${name}`);
  });
  expect(bare).toEqual([]);
});

/** What changes the world outside: files, processes, and in the engine's folder the engine. Must run inside a `step`. */
const EFFECTS =
  /\b(writeFile|appendFile|writeFileSync|mkdir|mkdirSync|mkdtemp|rename|renameSync|rm|rmSync|unlink|symlink|chmod|chown|truncate|createWriteStream)\(|\bprocess\.kill\(/;
const ENGINE_EFFECTS =
  /\.(createContainer|createNetwork|createVolume|createImage|importImage|buildImage|pull|start|stop|kill|remove|restart)\(/;

/** Files whose effects pass no `step`, and why that is right. */
const WITHOUT_STEP: ReadonlyMap<string, string> = new Map([
  ['clients/atomic-file.ts', 'the effect itself; its caller steps'],
  [
    'clients/lock.ts',
    'comes before anything that a crash could leave half done; process.kill(pid, 0) only asks',
  ],
  ['clients/git/git.ts', 'ends the git that it started'],
  [
    'clients/engine/docker-containers.ts',
    'single calls; docker-instances.ts and docker-volumes.ts step them',
  ],
  ['cli/look.ts', 'a cache of its own in the temp folder, gone when it ends'],
  ['build/build-log.ts', 'a log grows by lines; a crash loses the last ones and nothing else'],
]);

test('every effect passes through a step, so that a crash can be planted before and after it', () => {
  const wrong = files
    .filter((file) => !WITHOUT_STEP.has(file.path) && !/\bstep\(/.test(file.code))
    .flatMap((file) => [
      ...linesWith(EFFECTS, [file]),
      ...(file.path.startsWith('clients/engine/') ? linesWith(ENGINE_EFFECTS, [file]) : []),
    ]);
  expect(wrong).toEqual([]);
});

test('the list of exceptions names files that are there', () => {
  const paths = new Set(files.map((file) => file.path));
  expect([...WITHOUT_STEP.keys()].filter((path) => !paths.has(path))).toEqual([]);
});
