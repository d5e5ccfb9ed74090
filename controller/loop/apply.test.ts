import { expect, test } from 'vitest';
import { TransientError } from '../core/errors.ts';
import type { Action, Kind, Outcome } from '../core/types.ts';
import { apply } from './apply.ts';

const action = (verb: Action['verb'], kind: string, deployment: string): Action => ({
  ...{ verb, kind, key: `${deployment}-${kind}`, deployment, why: 'because' },
});

/** A kind that notes its batches; `judge` may throw for the whole batch or fail single actions. */
function noting(
  name: string,
  batches: string[],
  judge: (action: Action) => Outcome = (one) => ({ action: one }),
): Kind {
  return {
    ...{ name, observe: async () => [], diff: () => [] },
    async apply(actions) {
      batches.push(actions.map(({ verb, key }) => `${verb} ${key}`).join(', '));
      return actions.map(judge);
    },
  };
}

const told = (outcomes: readonly Outcome[]): readonly string[] =>
  outcomes.map(({ action: { key }, error, skipped }) => `${key}: ${error ?? skipped ?? 'done'}`);

test('one batch for each kind and direction, and what waits is left', async () => {
  const batches: string[] = [];
  const plan = [
    ...[action('create', 'port', 'a'), { ...action('create', 'port', 'b'), wait: { why: 'later' } }],
    ...[action('update', 'port', 'c'), action('create', 'vhost', 'a')],
    ...[action('delete', 'vhost', 'd'), action('delete', 'port', 'd')],
  ];
  await apply([noting('port', batches), noting('vhost', batches)], plan, new AbortController().signal);
  expect(batches).toEqual([
    'create a-port, update c-port',
    'create a-vhost',
    'delete d-vhost',
    'delete d-port',
  ]);
});

test('after a failure the rest of that deployment is skipped, and others go on', async () => {
  const batches: string[] = [];
  const port = noting('port', batches, (one) =>
    one.deployment === 'a' ? { action: one, error: new TransientError('busy') } : { action: one },
  );
  const plan = ['port', 'vhost'].flatMap((kind) => ['a', 'b'].map((name) => action('create', kind, name)));
  const outcomes = await apply([port, noting('vhost', batches)], plan, new AbortController().signal);
  expect(told(outcomes)).toEqual([
    'a-port: TransientError: busy',
    'b-port: done',
    'b-vhost: done',
    'a-vhost: an earlier step of its deployment failed',
  ]);
});

test('a kind that breaks as a whole fails its own batch, and the pass goes on', async () => {
  const batches: string[] = [];
  const port = noting('port', batches, () => {
    throw new TransientError('the list could not be read');
  });
  const plan = [action('create', 'port', 'a'), action('create', 'vhost', 'b')];
  const outcomes = await apply([port, noting('vhost', batches)], plan, new AbortController().signal);
  expect(told(outcomes)).toEqual(['a-port: TransientError: the list could not be read', 'b-vhost: done']);
});

test('a controller that stops begins no further batch', async () => {
  const ends = new AbortController();
  const batches: string[] = [];
  const port = noting('port', batches, (one) => {
    ends.abort();
    return { action: one };
  });
  const plan = [action('create', 'port', 'a'), action('create', 'vhost', 'b')];
  const outcomes = await apply([port, noting('vhost', batches)], plan, ends.signal);
  expect(batches).toEqual(['create a-port']);
  expect(told(outcomes)).toEqual(['a-port: done', 'b-vhost: the controller is stopping']);
});
