import { expect, test } from 'vitest';
import { StalledError, TransientError } from '../core/errors.ts';
import { createOutbox } from './outbox.ts';

/** An outbox, what it sent, and the clock and far side that it goes by. */
function outboxAt() {
  const far = { ms: 0, pausedMs: 0, error: undefined as Error | undefined };
  const sent: string[] = [];
  const errors: string[] = [];
  const outbox = createOutbox({
    pausedMs: () => far.pausedMs,
    nowMs: () => far.ms,
    shutsArea: ({ message }) => message === 'no right',
    onError: ({ key }, error) => errors.push(`${key}: ${(error as Error).message}`),
  });
  const put = (key: string, text: string, area = 'a'): void =>
    outbox.put({
      ...{ key, text, area },
      send: async () => {
        await Promise.resolve();
        if (far.error) throw far.error;
        sent.push(`${key}=${text}`);
      },
    });
  return { far, sent, errors, outbox, put };
}

test('only changes are sent, in order', async () => {
  const { sent, outbox, put } = outboxAt();
  put('x', '1');
  put('y', '1');
  await outbox.settle();
  put('x', '1');
  put('y', '2');
  await outbox.settle();
  expect(sent).toEqual(['x=1', 'y=1', 'y=2']);
});

test('the latest of a key wins, also over one that is being sent', async () => {
  const { sent, outbox, put } = outboxAt();
  put('x', '1');
  put('x', '2');
  put('x', '3');
  await outbox.settle();
  expect(sent).toEqual(['x=1', 'x=3']);
});

test('what goes back to what was said last is not sent', async () => {
  const { far, sent, outbox, put } = outboxAt();
  put('x', '1');
  await outbox.settle();
  far.pausedMs = 50;
  put('x', '2');
  put('x', '1');
  far.pausedMs = 0;
  put('y', '1');
  await outbox.settle();
  expect(sent).toEqual(['x=1', 'y=1']);
});

test('during a pause nothing is sent, and settling does not wait for its end', async () => {
  const { far, sent, outbox, put } = outboxAt();
  far.pausedMs = 3_600_000;
  put('x', '1');
  await outbox.settle();
  expect(sent).toEqual([]);
  far.pausedMs = 0;
  put('y', '1');
  await outbox.settle();
  expect(sent).toEqual(['x=1', 'y=1']);
  outbox.close();
});

test('what fails for now is tried again, with what is newest by then', async () => {
  const { far, sent, errors, outbox, put } = outboxAt();
  far.error = new TransientError('down');
  put('x', '1');
  await outbox.settle();
  far.error = undefined;
  put('x', '2');
  await outbox.settle();
  expect([sent, errors]).toEqual([[], ['x: down']]);
  far.ms += 1000;
  put('y', '1');
  await outbox.settle();
  expect(sent).toEqual(['x=2', 'y=1']);
});

test('what is refused is left alone for an hour: by itself, or with all of its area', async () => {
  const { far, sent, errors, outbox, put } = outboxAt();
  far.error = new StalledError('not like this');
  put('x', '1');
  await outbox.settle();
  far.error = new StalledError('no right');
  put('y', '1', 'b');
  await outbox.settle();
  far.error = undefined;
  for (const key of ['x', 'z', 'y2']) put(key, '1', key === 'y2' ? 'b' : 'a');
  await outbox.settle();
  expect([sent, errors]).toEqual([['z=1'], ['x: not like this', 'y: no right']]);
  far.ms += 3_600_000;
  put('x', '1');
  put('y2', '1', 'b');
  await outbox.settle();
  expect(sent).toEqual(['z=1', 'x=1', 'y2=1']);
});

test('what changes its mind all the time is slowed down', async () => {
  const { far, sent, outbox, put } = outboxAt();
  for (let n = 0; n < 3600; n += 1) {
    put('x', String(n));
    await outbox.settle();
    far.ms += 1000;
  }
  outbox.close();
  expect(sent.length).toBeLessThan(40);
});

test('what waits is bounded, and the newest is kept', async () => {
  const { far, sent, outbox, put } = outboxAt();
  far.pausedMs = 1000;
  for (let n = 0; n < 10_000; n += 1) put(`x${n}`, '1');
  far.pausedMs = 0;
  put('last', '1');
  await outbox.settle();
  expect([sent.length, sent.at(-1)]).toEqual([500, 'last=1']);
});
