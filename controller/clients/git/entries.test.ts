import { describe, expect, it } from 'vitest';
import { checkEntries, isLfsPointer, parseEntries, SOURCE_LIMITS } from './entries.ts';

const oid = 'a'.repeat(40);

describe('entries of a tree', () => {
  it('are parsed with sizes, odd names included', () => {
    const text = `100644 blob ${oid}      12\ta b\nc\u0000160000 commit ${oid}       -\tlib\u0000`;
    expect(parseEntries(text)).toEqual([
      { path: 'a b\nc', mode: '100644', oid, size: 12 },
      { path: 'lib', mode: '160000', oid, size: 0 },
    ]);
    expect(parseEntries('')).toEqual([]);
  });

  const check = (path: string) => () =>
    checkEntries('repo x', [{ path, mode: '100644', oid, size: 1 }], SOURCE_LIMITS);

  it.each([
    '../x',
    'a/../b',
    '.git/config',
    'a/.GIT/x',
    '.git./x',
    '.git /x',
    'git~1/x',
    '.g\u200cit/x',
    '.git::$DATA/x',
    'a//b',
  ])('%j could leave the directory', (path) => {
    expect(check(path)).toThrow('could leave the directory');
  });

  it.each(['-rf', '.gitignore', '.github/x', 'a..b', '...', 'Makefile', 'makefile', 'e\u0301', 'é'])(
    '%j is fine',
    (path) => {
      expect(check(path)).not.toThrow();
    },
  );

  it('of LFS are told by their text', () => {
    expect(isLfsPointer(Buffer.from('version https://git-lfs.github.com/spec/v1\noid'))).toBe(true);
    expect(isLfsPointer(Buffer.from('# version https://git-lfs.github.com/spec/v1'))).toBe(false);
  });
});
