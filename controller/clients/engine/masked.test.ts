import { expect, test } from 'vitest';
import { StalledError, TransientError } from '../../core/errors.ts';
import { createMask } from '../../core/mask.ts';
import { maskEngine } from './masked.ts';
import type { Engine, LogLine } from './types.ts';

const SECRET = 'hunter2-0123456789';

const line = (text: string, stream: LogLine['stream'] = 'stdout'): LogLine => ({
  ...{ at: '2026-01-02T03:04:05.000Z', level: 'info', stream, text },
});

/** An engine of which only those calls are made. */
function masked(calls: Partial<Engine>): Engine {
  const mask = createMask();
  mask.add(SECRET);
  return maskEngine(calls as Engine, mask);
}

function logOf(lines: readonly LogLine[]) {
  return masked({
    tail: async (_key, count) => lines.slice(-count),
    async *follow() {
      yield* lines;
    },
  });
}

async function follow(engine: Engine): Promise<readonly string[]> {
  const texts: string[] = [];
  for await (const { text } of engine.follow('x', { tail: 9, signal: new AbortController().signal }))
    texts.push(text);
  return texts;
}

const full = (end: string): string => 'x'.repeat(16_384 - end.length) + end;

test('what a container wrote tells no secret, whole or in two', async () => {
  const lines = [
    line(`a ${SECRET} b`),
    line(full(SECRET.slice(0, 9))),
    line(`${SECRET.slice(9)} c`),
    line('d'),
  ];
  const shown = ['a [redacted] b', 'x'.repeat(16_384 - 9), '[redacted] c', 'd'];
  expect((await logOf(lines).tail('x', 9)).map(({ text }) => text)).toEqual(shown);
  expect(await follow(logOf(lines))).toEqual(shown);
});

test('an ordinary line is told at once, even if a secret might begin at its end', async () => {
  expect(await follow(logOf([line('say hunt'), line('er2-0123456789')]))).toEqual([
    'say hunt',
    'er2-0123456789',
  ]);
});

test('the streams are told apart', async () => {
  const lines = [line(full('hunter2')), line('other', 'stderr'), line('-0123456789 end')];
  expect((await follow(logOf(lines))).slice(1)).toEqual(['other', '[redacted] end']);
});

test('what was held back at the end is not lost', async () => {
  expect(await follow(logOf([line(full('hunter2'))]))).toEqual(['x'.repeat(16_384 - 7), 'hunter2']);
});

test('the first of the last lines may begin in the middle of a secret', async () => {
  const lines = [line(full('hunter2')), line('-0123456789 end'), line('d')];
  expect((await logOf(lines).tail('x', 2)).map(({ text }) => text)).toEqual(['[redacted] end', 'd']);
});

test.each([TransientError, StalledError])(
  'an error of the engine keeps its class (%o) and loses the secret',
  async (Kind) => {
    const cause = new Error('x');
    const engine = masked({
      create: () => Promise.reject(new Kind(`can't start: ${SECRET}; correct it`, { cause })),
      start: () => Promise.reject(new Kind('plain')),
    });
    const error = await engine.create({} as never).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Kind);
    expect(error).toMatchObject({ message: "can't start: [redacted]; correct it", cause });
    await expect(engine.start('x')).rejects.toThrow('plain');
  },
);

test('why a container ended is masked', async () => {
  const detail = { restarts: 0, exitCode: 1, oomKilled: false, error: `exec ${SECRET}` };
  expect(await masked({ inspect: async () => detail }).inspect('x')).toEqual({
    ...detail,
    error: 'exec [redacted]',
  });
  expect(await masked({ inspect: async () => undefined }).inspect('x')).toBeUndefined();
});
