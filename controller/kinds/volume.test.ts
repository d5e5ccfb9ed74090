import { expect, test } from 'vitest';
import { deployment, planned } from '../../test/support/plan-text.ts';
import type { VolumeHave } from '../core/types.ts';

const wants = deployment({ services: [], volumes: ['data'], routes: [], hostnames: [] });

function lines(state: VolumeHave['state'] | undefined, entry: typeof wants | undefined): readonly string[] {
  const volume = state === undefined ? [] : [{ key: 'berth-blog-data', deployment: 'blog', state }];
  return planned({ wants: entry, images: [], observed: { volume, network: [] } }).lines.filter((line) =>
    line.includes('volume'),
  );
}

test.each([
  ['missing', undefined, wants, ['+ volume berth-blog-data  a service keeps files in it']],
  ['there', 'ready', wants, []],
  ['being archived and wanted again', 'archiving', wants, []],
  [
    'archived and wanted again: what is written from now on has to be archived anew',
    'archived',
    wants,
    ['± volume berth-blog-data  it is used again, so its archive is out of date'],
  ],
  ['left over', 'ready', undefined, ['- volume berth-blog-data  its deployment left the file']],
  [
    'left over and being archived',
    'archiving',
    undefined,
    ['- volume berth-blog-data  its deployment left the file (its content is being archived)'],
  ],
] as const)('a volume that is %s', (_, state, entry, expected) => {
  expect(lines(state, entry)).toEqual(expected);
});
