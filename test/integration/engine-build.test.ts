import { randomBytes } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { type Pack, pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createDockerEngine } from '../../controller/clients/engine/docker.ts';
import type { BuildOptions, Engine, LogLine } from '../../controller/clients/engine/types.ts';
import { StalledError } from '../../controller/core/errors.ts';
import { runStep } from '../../controller/core/step.ts';
import { sweep } from '../support/engine-world.ts';
import { type RecordingSocket, recordingSocket } from '../support/recording-socket.ts';
import { tinyImage } from '../support/tiny-image.ts';

let base: string;
let socket: RecordingSocket;
beforeAll(async () => {
  base = await tinyImage();
  socket = await recordingSocket();
});
afterAll(() => socket.close());

describe.each([
  ['BuildKit', false],
  ['the classic builder', true],
])('%s', (_name, classic) => {
  const owner = `t${randomBytes(4).toString('hex')}`;
  const tag = `berth/${owner}-web:0123456789ab-3f9a1c02`;
  const options: BuildOptions = {
    tag,
    labels: { 'berth.deployment': owner, 'berth.service': 'web' },
    dockerfile: 'sub/Dockerfile',
    memoryBytes: 256 * 2 ** 20,
  };
  let engine: Engine;
  let lines: LogLine[];
  const never = new AbortController().signal;
  const note = (line: LogLine) => lines.push(line);
  const texts = () => lines.map(({ text }) => text);

  beforeAll(() => {
    engine = createDockerEngine({ dockerHost: `unix://${socket.path}`, owner, step: runStep, classic });
  });
  afterAll(() => sweep(engine, owner));

  function context(dockerfile: string): Readable {
    lines = [];
    const tar: Pack = pack();
    tar.entry({ name: 'sub/Dockerfile', mtime: new Date(0) }, `FROM ${base} AS first\n${dockerfile}\n`);
    tar.entry({ name: 'a.txt', mtime: new Date(0) }, 'hello');
    tar.finalize();
    return Readable.from(tar);
  }

  it('is what is asked for', async () => {
    expect(await engine.info()).toMatchObject({ buildkit: !classic });
  });

  it('builds an image with our labels and tells every line', async () => {
    const dockerfile = `ARG GREETING\nCOPY a.txt /a.txt\nRUN echo "$GREETING grüße $(( 6 * 7 ))" && echo oops >&2\nEXPOSE 9000 8080\nFROM first AS last\nRUN false`;
    const args = { GREETING: `hi-${owner}` };
    await engine.build(context(dockerfile), { ...options, args, target: 'first' }, note, never);
    expect(texts()).toContain(`hi-${owner} grüße 42`);
    expect(lines.find(({ text }) => text === 'oops')).toMatchObject({ stream: 'stderr' });
    expect(await engine.images()).toContainEqual(
      expect.objectContaining({ key: tag, deployment: owner, service: 'web' }),
    );
  });

  it('lists an image that lost its name to a newer build, so that it can go', async () => {
    await engine.build(context('RUN echo one'), options, note, never);
    await engine.build(context('RUN echo two'), options, note, never);
    const keys = (await engine.images()).filter((row) => row.deployment === owner).map(({ key }) => key);
    expect(keys).toContain(tag);
    const nameless = keys.filter((key) => key.startsWith('sha256:'));
    expect(nameless.length).toBeGreaterThan(0);
    for (const key of nameless) await engine.removeImage(key);
    await engine.removeImage(tag);
    expect((await engine.images()).filter((row) => row.deployment === owner)).toEqual([]);
  });

  it('fails for good with the last words of the builder, and leaves no image', async () => {
    const failed = engine.build(
      context(`RUN echo "first word" && echo "last word" >&2 && exit 3`),
      options,
      note,
      never,
    );
    await expect(failed).rejects.toThrow(StalledError);
    await expect(failed).rejects.toThrow(/^build of berth\/.* failed: .*3.*last word/);
    expect(lines.at(-1)).toMatchObject({ level: 'error', stream: 'berth' });
    expect(await engine.hasImage(tag)).toBe(false);
  });

  it.each([
    ['an unknown instruction', 'NONSENSE here'],
    ['a file that is not there', 'COPY absent.txt /'],
  ])('fails for good with %s', async (_what, dockerfile) => {
    await expect(engine.build(context(dockerfile), options, note, never)).rejects.toThrow(StalledError);
  });

  it('fails for good without its Dockerfile', async () => {
    const wrong = { ...options, dockerfile: 'Absent' };
    await expect(engine.build(context('RUN true'), wrong, note, never)).rejects.toThrow(StalledError);
  });

  it('fails with what its context failed with', async () => {
    const broken = new PassThrough();
    broken.write(Buffer.alloc(512));
    const building = engine.build(broken, options, note, never);
    const error = new StalledError('the repo holds a link that leaves it');
    setImmediate(() => broken.destroy(error));
    await expect(building).rejects.toBe(error);
  });

  it('ends within 2 s of its signal, and so does what it ran', async () => {
    const stop = new AbortController();
    const tick = `RUN echo begun-${owner} && node -e "setInterval(() => console.log('tick'), 20)"`;
    const building = engine.build(context(tick), options, note, stop.signal);
    building.catch(() => {});
    await vi.waitFor(() => expect(texts()).toContain('tick'), { timeout: 30_000, interval: 20 });
    const began = performance.now();
    stop.abort(new Error('nobody wants it'));
    await expect(building).rejects.toThrow('nobody wants it');
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(await engine.hasImage(tag)).toBe(false);
    const count = lines.length;
    await engine.info();
    expect(lines.length).toBe(count);
  });
});

it('a session with the builder is closed however its build ends', async () => {
  expect(socket.requests.some((line) => line.startsWith('POST /session'))).toBe(true);
  await vi.waitFor(() => expect(socket.open()).toBe(0), { timeout: 5_000 });
});
