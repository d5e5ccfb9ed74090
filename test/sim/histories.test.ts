import fc from 'fast-check';
import { expect, test } from 'vitest';
import { explain } from '../../controller/core/explain.ts';
import { desire } from './apps.ts';
import { settle } from './check.ts';
import { planOf, startController } from './controller.ts';
import { appSpec, apps, histories } from './events.ts';
import { play, seeded } from './play.ts';
import { advance } from './world.ts';

/**
 * Random histories per property. The same ones each time, so that a red run is about the change at hand; to look for
 * new ones: BERTH_TEST_SEED=random BERTH_TEST_RUNS=50000 npx vitest run --project unit test/sim/histories.test.ts
 */
const { BERTH_TEST_RUNS = '5000', BERTH_TEST_SEED = '20261123' } = process.env;
const MANY = {
  numRuns: Number(BERTH_TEST_RUNS),
  ...(BERTH_TEST_SEED !== 'random' && { seed: Number(BERTH_TEST_SEED) }),
};

test('any history ends in the world that the file asks for, and nothing foreign or needed is ever touched', async () => {
  await fc.assert(
    fc.asyncProperty(histories, async (events) => {
      expect(await play(events)).toEqual([]);
    }),
    MANY,
  );
}, 600_000);

test('the plan of the same worlds is the same text, in whatever order the file has its entries', async () => {
  await fc.assert(
    fc.asyncProperty(apps, apps, async (first, second) => {
      const outside = seeded();
      const controller = startController(outside);
      for (let pass = 0; pass < 4; pass += 1) {
        await controller.pass(desire(first));
        advance(outside, 2000);
      }
      const straight = (await planOf(outside, desire(second))).actions.map(explain);
      const wanted = desire([...second].reverse());
      const turned = (await planOf(outside, wanted)).actions.map(explain);
      expect(turned).toEqual(straight);
    }),
    MANY,
  );
}, 600_000);

test('removing an entry plans nothing against another', async () => {
  await fc.assert(
    fc.asyncProperty(appSpec('a'), appSpec('b'), async (a, { host: _, ...b }) => {
      const outside = seeded();
      await settle(outside, desire([a, b]), startController(outside));
      const { actions } = await planOf(outside, desire([b]));
      expect(actions.filter(({ deployment, wait }) => deployment === 'b' && !wait)).toEqual([]);
      expect(actions.some(({ deployment, verb }) => deployment === 'a' && verb === 'delete')).toBe(true);
    }),
    MANY,
  );
}, 600_000);
