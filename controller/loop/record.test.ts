import { expect, test } from 'vitest';
import { EMPTY_STATE } from '../clients/state-shape.ts';
import type { State, Store } from '../clients/types.ts';
import { emptyDraft } from '../core/draft.ts';
import type { Action, Desired, Observed, Outcome } from '../core/types.ts';
import type { Report } from './reconcile.ts';
import { beingDeleted, record } from './record.ts';

const EMPTY: Observed = { image: [], network: [], volume: [], port: [], instance: [], vhost: [] };

interface Given {
  readonly present?: readonly string[];
  readonly observed?: Partial<Pick<Observed, 'network' | 'volume'>>;
  readonly outcomes?: readonly Outcome[];
  readonly held?: readonly string[];
}

function reportOf({ present = [], observed = {}, outcomes = [], held = [] }: Given): Report {
  const desired: Desired = { commit: 'c1', deployments: [], stalled: new Set(present), problems: [] };
  const plan = { actions: [], wanted: emptyDraft(desired), held };
  return { desired, plan, outcomes, problems: [], observed: { ...EMPTY, ...observed } };
}

function begin() {
  let state: State = EMPTY_STATE;
  const labels: string[] = [];
  const expired: (readonly string[])[] = [];
  const store: Store = {
    get state() {
      return state;
    },
    update: async (change) => {
      state = change(state);
    },
  };
  const pass = (given: Given) =>
    record(reportOf(given), 'timer', {
      ...{ store, now: () => new Date(0) },
      step: (label, effect) => {
        labels.push(label);
        return effect();
      },
      approvals: {
        expire: async (going) => {
          expired.push([...going]);
        },
      },
    });
  return { pass, labels, expired, state: () => state };
}

const network = { network: [{ key: 'berth-a', deployment: 'a', subnet: '' }] };
const volume = { volume: [{ key: 'berth-a-data', deployment: 'a', state: 'archiving' as const }] };

test('a pass that did nothing writes nothing', async () => {
  const { pass, labels } = begin();
  await pass({ present: ['a'], observed: network });
  expect(labels).toEqual([]);
});

test('a receipt lists all that was there, once nothing is left', async () => {
  const { pass, state } = begin();
  expect(await pass({ observed: { ...network, ...volume } })).toEqual([]);
  expect(await pass({ observed: volume })).toEqual([]);
  expect(beingDeleted(state())).toEqual(['a']);
  const removed = ['network berth-a', 'volume berth-a-data'];
  expect(await pass({})).toEqual([
    { deployment: 'a', commit: 'c1', at: '1970-01-01T00:00:00.000Z', removed },
  ]);
  expect(state()).toMatchObject({ removals: {}, receipts: [{ deployment: 'a' }] });
  expect(await pass({})).toEqual([]);
});

test('nothing is proven gone while something could not be seen', async () => {
  const { pass, expired, state } = begin();
  await pass({ observed: network });
  const approvals = expired.length;
  expect(await pass({ observed: { volume: { uncertain: 'the engine is down' } } })).toEqual([]);
  expect(state().removals).toEqual({ a: ['network berth-a'] });
  expect(expired).toHaveLength(approvals);
});

test('a deployment that comes back gets no receipt', async () => {
  const { pass, state } = begin();
  await pass({ observed: network });
  expect(await pass({ present: ['a'], observed: network })).toEqual([]);
  expect(await pass({ present: ['a'] })).toEqual([]);
  expect(state().removals).toEqual({});
});

test('what is held is remembered until it is released, and is not being deleted', async () => {
  const { pass, state } = begin();
  await pass({ held: ['a'], observed: network });
  expect(state().held).toEqual({ commit: 'c1', deployments: ['a'] });
  expect(beingDeleted(state())).toEqual([]);
  await pass({ observed: network });
  expect(state().held).toBeUndefined();
});

test('a pass is kept with its lines, failures and trigger, the newest hundred of them', async () => {
  const { pass, state } = begin();
  const action: Action = { verb: 'create', kind: 'network', key: 'berth-a', deployment: 'a', why: 'needed' };
  for (let time = 0; time < 105; time += 1)
    await pass({
      outcomes: [
        { action, error: new Error(`no ${time}`) },
        { action, skipped: 'stopping' },
      ],
    });
  expect(state().passes).toHaveLength(100);
  expect(state().passes.at(-1)).toMatchObject({
    ...{ commit: 'c1', trigger: 'timer' },
    lines: ['+ network berth-a  needed: failed, no 104'],
  });
});
