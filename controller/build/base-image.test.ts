import type { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { StalledError, TransientError } from '../core/errors.ts';
import { createBaseImages, OWN_NODE_IMAGE } from './base-image.ts';

type PullResult = Error | 'silence' | undefined;

/** An engine that has `images`, and whose registry answers as told. */
function engineWith(images: readonly string[], answer: PullResult) {
  const here = new Set(images);
  const calls: string[] = [];
  return {
    calls,
    hasImage: async (reference: string) => here.has(reference),
    async pull(reference: string, onLine: (line: never) => void, signal: AbortSignal) {
      calls.push(`pull ${reference}`);
      if (answer === 'silence') {
        await new Promise((_, fail) => signal.addEventListener('abort', () => fail(new Error('aborted'))));
      }
      if (answer !== undefined) throw answer;
      onLine({ text: 'pulling' } as never);
      here.add(reference);
    },
    async importImage(tar: Readable, reference: string) {
      calls.push(`import ${reference}`);
      tar.destroy();
      here.add(reference);
    },
  };
}

const never = new AbortController().signal;
const quiet = (): void => {};

describe('the base image of a preset', () => {
  it('is the public one when it is here', async () => {
    const engine = engineWith(['node:20-slim'], undefined);
    expect(await createBaseImages({ engine }).choose('node:20-slim', quiet, never)).toBe('node:20-slim');
    expect(engine.calls).toEqual([]);
  });

  it('is pulled when a registry answers', async () => {
    const engine = engineWith([], undefined);
    expect(await createBaseImages({ engine }).choose('node:20-slim', quiet, never)).toBe('node:20-slim');
    expect(engine.calls).toEqual(['pull node:20-slim']);
  });

  it('is made of this machine’s Node when none answers, once, and the log says so', async () => {
    let nowMs = 0;
    const engine = engineWith([], new TransientError('no route to the registry'));
    const bases = createBaseImages({ engine, nowMs: () => nowMs });
    const said: string[] = [];
    const both = [1, 2].map(() => bases.choose('node:20-slim', (text) => said.push(text), never));
    expect(await Promise.all(both)).toEqual([OWN_NODE_IMAGE, OWN_NODE_IMAGE]);
    expect(engine.calls.filter((call) => call.startsWith('import'))).toEqual([`import ${OWN_NODE_IMAGE}`]);
    expect(said.join('\n')).toMatch(
      /no route to the registry.*using berth\/base-node.*\n.*making berth\/base-node/s,
    );

    engine.calls.length = 0;
    nowMs = 59 * 60_000;
    await bases.choose('node:22-slim', quiet, never);
    expect(engine.calls).toEqual([]);
    nowMs = 61 * 60_000;
    await bases.choose('node:22-slim', quiet, never);
    expect(engine.calls).toEqual(['pull node:22-slim']);
  });

  it('waits for a silent registry only so long', async () => {
    const engine = engineWith([OWN_NODE_IMAGE], 'silence');
    const bases = createBaseImages({ engine, answerMs: 20 });
    expect(await bases.choose('node:20-slim', quiet, never)).toBe(OWN_NODE_IMAGE);
  });

  it('is a clear error for languages this machine may not have', async () => {
    const bases = createBaseImages({ engine: engineWith([], 'silence'), answerMs: 20 });
    const failure = await bases.choose('python:3.12-slim', quiet, never).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StalledError);
    expect(String(failure)).toMatch(
      /python:3\.12-slim is not on this machine and can't be pulled \(the registry didn't answer/,
    );
  });

  it('is not chosen for a build that was cancelled meanwhile', async () => {
    const cancel = new AbortController();
    const engine = engineWith([], 'silence');
    const choosing = createBaseImages({ engine }).choose('node:20-slim', quiet, cancel.signal);
    choosing.catch(() => undefined);
    await expect.poll(() => engine.calls).toEqual(['pull node:20-slim']);
    cancel.abort(new Error('cancelled'));
    await expect(choosing).rejects.toThrow('cancelled');
    expect(engine.calls).toEqual(['pull node:20-slim']);
  });
});
