/** A failure that is tried again and again: one line in the log, one in the history. */
import { expect, test } from 'vitest';
import type { State } from '../clients/types.ts';
import { TransientError } from '../core/errors.ts';
import type { Desired, Kind } from '../core/types.ts';
import { createLog } from '../log.ts';
import { createBackoff } from './backoff.ts';
import type { World } from './reconcile.ts';
import { createRunner, type RunnerOptions } from './runner.ts';

const KINDS = ['image', 'network', 'volume', 'port', 'instance', 'vhost'];

/** A world in which the network of deployment `a` can never be made; `words` gives the reason at each try. */
function worldOf(words: () => string): World {
  const kinds = KINDS.map(
    (name): Kind => ({
      name,
      observe: async () => [],
      diff: () =>
        name === 'network'
          ? [{ verb: 'create', kind: name, key: 'berth-a', deployment: 'a', why: 'new' }]
          : [],
      apply: async (actions) => actions.map((action) => ({ action, error: new TransientError(words()) })),
    }),
  );
  const desired: Desired = { commit: 'c'.repeat(40), deployments: [], stalled: new Set(), problems: [] };
  return {
    kinds,
    desired: async () => desired,
    rules: async () => ({
      ports: { first: 3000, last: 3999 },
      busyPorts: new Set(),
      nginxPorts: new Set(),
      drainMs: 0,
      workerShutdownMs: 0,
      keepImages: 3,
    }),
    limits: async () => ({ maxDeletions: 100, released: new Set(), backoff: new Map() }),
    dryRun: false,
  };
}

async function passes(count: number, words: () => string) {
  const log: string[] = [];
  const stop = new AbortController();
  let state: State = {
    ...{
      version: 1,
      ports: [],
      failures: [],
      givenUp: [],
      removals: {},
      passes: [],
      receipts: [],
      routes: {},
    },
  };
  const store = {
    get state() {
      return state;
    },
    update: async (change: (state: State) => State) => {
      state = change(state);
    },
  };
  let left = count;
  const options: RunnerOptions = {
    world: worldOf(words),
    backoff: createBackoff(() => 0),
    recorder: {
      store,
      step: (_label, effect) => effect(),
      now: () => new Date(0),
      approvals: { expire: async () => undefined },
    },
    log: createLog('info', (line) => log.push(line.slice(9).trimEnd())),
    onReport: () => {
      left -= 1;
      if (left === 0) stop.abort();
    },
  };
  await createRunner(options).run(stop.signal);
  return { log, history: state.passes.map(({ lines }) => lines) };
}

test('the same failure at each of four tries is told once', async () => {
  const { log, history } = await passes(4, () => 'no space');
  expect(log).toEqual(['warning: network berth-a failed: no space']);
  expect(history).toEqual([['+ network berth-a  new: failed, no space']]);
});

test('another failure is news', async () => {
  const words = ['no space', 'no space', 'no engine', 'no space'];
  const { log, history } = await passes(4, () => words.shift() ?? '');
  expect(log.map((line) => line.split(': ')[2])).toEqual(['no space', 'no engine', 'no space']);
  expect(history).toHaveLength(3);
});
