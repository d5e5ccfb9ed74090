import { describe, expect, it } from 'vitest';
import { parseIgnore } from './ignore-pattern.ts';

function ignored(text: string, paths: readonly string[]): readonly string[] {
  const rules = parseIgnore(text).toReversed();
  return paths.filter((path) => rules.find((rule) => rule.matches(path))?.negative === false);
}

const ALL = [
  'a.md',
  'b.txt',
  'docs/a.md',
  'docs/x/c.md',
  'node_modules/a/b.js',
  'pkg/node_modules/c.js',
  'Src/a.md',
];

// Expectations are docker's own rules: https://docs.docker.com/build/concepts/context/#dockerignore-files
const ROWS: readonly (readonly [string, readonly string[]])[] = [
  ['*.md', ['a.md']],
  ['docs', ['docs/a.md', 'docs/x/c.md']],
  ['/docs/', ['docs/a.md', 'docs/x/c.md']],
  ['./docs/../b.txt', []],
  ['**/*.md', ['a.md', 'docs/a.md', 'docs/x/c.md', 'Src/a.md']],
  ['**/node_modules', ['node_modules/a/b.js', 'pkg/node_modules/c.js']],
  ['*/a.md', ['docs/a.md', 'Src/a.md']],
  ['docs/**/c.md', ['docs/x/c.md']],
  ['docs/?.md', ['docs/a.md']],
  ['[a-b].*', ['a.md', 'b.txt']],
  ['[^a].*', ['b.txt']],
  ['# docs\n\n  b.txt  ', ['b.txt']],
  ['*\n!docs', ['a.md', 'b.txt', 'node_modules/a/b.js', 'pkg/node_modules/c.js', 'Src/a.md']],
  ['*.md\n!a.md', []],
  ['!a.md\n*.md', ['a.md']],
  ['src', []],
  ['.', []],
  ['a(+|{.md', []],
  ['\\a.md', ['a.md']],
];

describe('a .dockerignore of', () => {
  it.each(ROWS)('%j leaves out what docker leaves out', (text, expected) => {
    expect(ignored(text, ALL)).toEqual(expected);
  });

  it('characters of regular expressions takes them as they are', () => {
    expect(ignored('a+(b).js', ['a+(b).js', 'aab.js'])).toEqual(['a+(b).js']);
  });

  it('many stars costs no time', () => {
    const started = performance.now();
    expect(ignored(`${'*a'.repeat(40)}b`, ['a'.repeat(255)])).toEqual([]);
    expect(ignored(`${'**/a/'.repeat(40)}b`, [Array(400).fill('a').join('/')])).toEqual([]);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
