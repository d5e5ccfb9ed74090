import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryTree } from '../../test/support/memory-tree.ts';
import { StalledError } from '../core/errors.ts';
import type { BuildSpec } from '../core/types.ts';
import { analyze } from './analyze.ts';
import { renderDockerfile } from './dockerfile.ts';

const PACKAGE = JSON.stringify({ dependencies: { koa: '3' }, scripts: { build: 'x', start: 'a && b' } });
const SOURCES: Readonly<Record<NonNullable<BuildSpec['preset']>, Readonly<Record<string, string>>>> = {
  node: { 'package.json': PACKAGE, 'package-lock.json': '{}' },
  python: { 'requirements.txt': 'gunicorn', 'app.py': '' },
  go: { 'go.mod': 'module x', 'main.go': '' },
  static: { 'index.html': '' },
};
const PRESETS = ['node', 'python', 'go', 'static'] as const;

async function render(preset: (typeof PRESETS)[number], build: BuildSpec = {}): Promise<string> {
  const plan = await analyze(memoryTree(SOURCES[preset]), '.', { ...build, preset });
  if (plan.kind !== 'preset') throw new Error('not rendered');
  return renderDockerfile(plan.recipe);
}

const lines = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '');
const verbs = (text: string): readonly string[] => lines(text).map((line) => line.split(' ')[0] ?? '');

describe('a rendered Dockerfile', () => {
  it('installs before it copies the rest, and runs as a user without rights', async () => {
    expect(lines(await render('node'))).toEqual([
      'FROM node:20-slim AS base',
      'ENV NODE_ENV=production',
      'WORKDIR /app',
      'RUN ["sh", "-c", "mkdir -p /data && chown node:node /app /data"]',
      'FROM base AS build',
      'USER node',
      'COPY --chown=node:node ["app/package.json","app/package-lock.json","./"]',
      'RUN ["sh","-c","npm ci --include=dev --no-audit --no-fund"]',
      'COPY --chown=node:node app/ ./',
      'RUN ["sh","-c","npm run build"]',
      'RUN ["sh","-c","npm prune --omit=dev --no-audit --no-fund"]',
      'FROM base',
      'COPY --from=build --chown=node:node /app ./',
      'USER node',
      'CMD ["npm","start"]',
    ]);
  });

  it.each(PRESETS)('of the %s preset is made of known instructions only', async (preset) => {
    const known = ['FROM', 'ENV', 'WORKDIR', 'RUN', 'COPY', 'ARG', 'USER', 'CMD'];
    expect(verbs(await render(preset)).filter((verb) => !known.includes(verb))).toEqual([]);
  });

  it.each(PRESETS)('of the %s preset declares build arguments before the build command', async (preset) => {
    const text = await render(preset, { args: { API_URL: 'secret', B: '' }, command: 'make it' });
    expect(text.indexOf('ARG API_URL')).toBeGreaterThan(0);
    expect(text.indexOf('ARG B')).toBeLessThan(text.indexOf('make it'));
    expect(text).not.toContain('secret');
  });

  it('refuses an image, a file or an argument name that is none', async () => {
    const plan = await analyze(memoryTree(SOURCES.node), '.', {});
    if (plan.kind !== 'preset' || plan.recipe.preset !== 'node') throw new Error('not Node');
    const { recipe } = plan;
    expect(() => renderDockerfile({ ...recipe, bases: { node: 'x\nRUN y' } })).toThrow(/image/);
    expect(() => renderDockerfile({ ...recipe, manifests: ['a b"] \nRUN x'] })).toThrow(/file name/);
    expect(() => renderDockerfile({ ...recipe, manifests: ['../x'] })).toThrow(/file name/);
    expect(() => renderDockerfile({ ...recipe, args: ['A=1\nRUN x'] })).toThrow(/build argument/);
  });
});

describe('a hostile string', () => {
  const hostile = [
    'npm run build; curl evil',
    '$(id) `id` $HOME',
    'a && b || c | d > /etc/passwd',
    '"] \\n RUN id',
    "'; USER root #",
    'cat <<EOF',
    '\\" <<EOF x',
    '{{ range.constructor("return 1")() }} {% raw %}',
    'x \\',
    '# escape=`',
    'é ü 漢 😀 \\u000aRUN',
  ];

  it.each(PRESETS)('adds no instruction to the %s preset and arrives as it is (B79)', async (preset) => {
    const plain = verbs(await render(preset, { install: 'a', command: 'b' }));
    for (const text of hostile) {
      const rendered = await render(preset, { install: text, command: text });
      expect(verbs(rendered)).toEqual(plain);
      const runs = lines(rendered)
        .filter((line) => /^RUN /.test(line))
        .map((line) => JSON.parse(line.slice(4)));
      expect(runs.filter(([, , command]) => command === text)).toHaveLength(2);
      expect(rendered).not.toMatch(/[^ -~\n]/);
    }
  });

  it('is refused or kept in one line, whatever it is', async () => {
    const plain = verbs(await render('node', { install: 'a', command: 'b' }));
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1, maxLength: 80 }), async (text) => {
        const rendered = await render('node', { install: text, command: 'b' }).catch(
          (error: unknown) => error,
        );
        if (rendered instanceof StalledError) return;
        expect(verbs(String(rendered))).toEqual(plain);
        expect(String(rendered)).not.toContain('<');
      }),
      { numRuns: 500 },
    );
  });
});
