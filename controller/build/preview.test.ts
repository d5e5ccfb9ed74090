import { expect, test } from 'vitest';
import { memoryTree } from '../../test/support/memory-tree.ts';
import { lowestExpose, preview } from './preview.ts';

test('a preset, a Dockerfile, and nothing', async () => {
  const tree = memoryTree({
    'package.json': JSON.stringify({ scripts: { start: 'node a.js' } }),
    'api/Dockerfile': 'FROM node\nEXPOSE 8080 4000',
    'docs/readme.md': '',
  });
  expect(await preview(tree, '.')).toEqual({
    ...{ state: 'found', summary: 'node 20, node a.js', preset: 'node', listen: 3000 },
  });
  expect(await preview(tree, 'api')).toEqual({
    ...{ state: 'found', summary: 'Dockerfile', dockerfile: 'Dockerfile', listen: 4000 },
  });
  const nothing = await preview(tree, 'docs');
  expect(nothing.state).toBe('nothing');
  expect(nothing).toHaveProperty('why', expect.stringContaining('no way to build docs was found'));
});

test.each([
  ['none', 'FROM nginx', undefined],
  ['several', 'FROM a\nexpose 9000/tcp\nEXPOSE 81 82', 81],
  ['another stage', 'FROM a AS build\nEXPOSE 1\nFROM b\nRUN x\nEXPOSE 2', 2],
  ['only udp or a variable', 'FROM a\nEXPOSE 53/udp $PORT', undefined],
  ['a word that only looks like it', 'FROM a\nRUN echo EXPOSE 1\n# EXPOSE 2', undefined],
])('the port of a Dockerfile: %s', (_what, text, port) => {
  expect(lowestExpose(text)).toBe(port);
});
