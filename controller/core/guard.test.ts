import { describe, expect, test } from 'vitest';
import { emptyDraft } from './draft.ts';
import { explain, explainHold } from './explain.ts';
import { type GuardedPlan, guard } from './guard.ts';
import type { Action } from './types.ts';

const COMMIT = '8cbdaaa8582784ebe655f6339b6b2a034bc13c7e';

/** A plan in which the deployments of these names are taken apart, and `stays` is changed. */
function guarded(
  going: readonly string[],
  { released = [], waits = false }: { released?: readonly string[]; waits?: boolean } = {},
): GuardedPlan {
  const wanted = emptyDraft({ commit: COMMIT, deployments: [], stalled: new Set(['stays']), problems: [] });
  const actions: readonly Action[] = [
    { verb: 'update', kind: 'vhost', key: 'stays', deployment: 'stays', why: 'a route' },
    ...going.map((name): Action => {
      const wait = waits ? { wait: { why: 'its containers go first', ms: 5 } } : {};
      return { verb: 'delete', kind: 'network', key: name, deployment: name, why: 'it left', ...wait };
    }),
  ];
  const limits = { maxDeletions: 2, released: new Set(released), backoff: new Map() };
  return guard({ actions, wanted }, COMMIT, limits);
}

describe('a mass deletion', () => {
  test('as large as allowed goes on', () => {
    expect(guarded(['a', 'b'])).toMatchObject({ held: [] });
    expect(guarded(['a', 'b']).actions.map(explain)).toContain('- network b  it left');
  });

  test('that is larger is held as a whole, and nothing else is', () => {
    const { held, actions } = guarded(['c', 'a', 'b']);
    expect(held).toEqual(['a', 'b', 'c']);
    expect(actions.map(explain)).toEqual([
      '± vhost stays  a route',
      '- network c  it left (held until `berth approve 8cbdaaa85827`)',
      '- network a  it left (held until `berth approve 8cbdaaa85827`)',
      '- network b  it left (held until `berth approve 8cbdaaa85827`)',
    ]);
    expect(explainHold(held, COMMIT)).toBe(
      'held: a, b, c would be deleted, more than BERTH_MAX_DELETIONS allows; `berth approve 8cbdaaa85827` releases exactly these',
    );
  });

  test('that is held waits for a person, whatever else its steps would wait for', () => {
    const waits = guarded(['a', 'b', 'c'], { waits: true }).actions.flatMap(({ wait }) => wait ?? []);
    expect(waits.map(({ forPerson }) => forPerson)).toEqual([true, true, true]);
  });

  test('that was released, or has begun, counts no more: what comes later is judged by itself', () => {
    expect(guarded(['a', 'b', 'c'], { released: ['a', 'b', 'c'] }).held).toEqual([]);
    expect(guarded(['a', 'b', 'c', 'd'], { released: ['a', 'b', 'c'] }).held).toEqual([]);
    expect(guarded(['a', 'd', 'e', 'f'], { released: ['a', 'b', 'c'] }).held).toEqual(['d', 'e', 'f']);
  });
});
