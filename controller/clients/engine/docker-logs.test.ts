import { expect, it } from 'vitest';
import { TransientError } from '../../core/errors.ts';
import { cutLines, splitFrames } from './docker-logs.ts';

function frame(stream: number, text: string): Buffer {
  const body = Buffer.from(text);
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(body.length, 4);
  return Buffer.concat([head, body]);
}

const at = '2026-11-23T10:00:00.123456789Z';

it('tells the streams apart and takes the time stamp off', () => {
  const { lines, rest } = splitFrames(Buffer.concat([frame(1, `${at} hello\n`), frame(2, `${at} oh no\n`)]));
  expect(lines).toEqual([
    { at: '2026-11-23T10:00:00.123Z', level: 'info', stream: 'stdout', text: 'hello' },
    { at: '2026-11-23T10:00:00.123Z', level: 'error', stream: 'stderr', text: 'oh no' },
  ]);
  expect(rest).toHaveLength(0);
});

it('is the same however the bytes are cut', () => {
  const whole = Buffer.concat([frame(1, `${at} grüße 🚢\n`), frame(2, `${at} \n`), frame(1, `${at} end`)]);
  const expected = splitFrames(whole).lines;
  for (let cut = 0; cut <= whole.length; cut += 1) {
    const before = splitFrames(whole.subarray(0, cut));
    const after = splitFrames(Buffer.concat([before.rest, whole.subarray(cut)]));
    expect([...before.lines, ...after.lines]).toEqual(expected);
  }
});

it('refuses a length that can not be, instead of waiting for it', () => {
  const lie = Buffer.from([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 65]);
  expect(() => splitFrames(lie)).toThrow(TransientError);
});

it('cuts a line at 16 k and loses nothing', () => {
  const text = 'x'.repeat(40_000);
  const lines = cutLines(text);
  expect(lines.map((line) => line.length)).toEqual([16_384, 16_384, 7_232]);
  expect(lines.join('')).toBe(text);
});
