import { expect, test } from 'vitest';
import { lastWords } from './last-words.ts';

const frames = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => `    at load (node:internal/modules/${n}:1:1)`);

test('the message of a Node crash is told, however deep its stack', () => {
  const lines = [
    'server.js:3',
    'throw new Error(message)',
    '      ^',
    '',
    'Error: no database',
    ...frames(10),
  ];
  expect(lastWords([...lines, '', 'Node.js v20.20.2'])).toBe(
    'server.js:3 | throw new Error(message) | Error: no database | Node.js v20.20.2',
  );
});

test('what was said before does not push it out', () => {
  const chatter = Array.from({ length: 30 }, (_, n) => `${n} ${'tick '.repeat(30)}`);
  expect(lastWords([...chatter, 'KeyError: SECRET'])).toMatch(/\| KeyError: SECRET$/);
});

test('a process that said nothing has no last words', () => {
  expect(lastWords(['', '  '])).toBe('');
});
