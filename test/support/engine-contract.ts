/**
 * What any engine must do for Berth, whichever it is: called once per implementation with a way to make one. It uses only
 * the `Engine` itself, apart from `image`, a reference that has `node`.
 */

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Engine, EngineEvent, LogLine } from '../../controller/clients/engine/types.ts';
import { StalledError, TransientError } from '../../controller/core/errors.ts';
import { secretOf } from '../../controller/core/secret.ts';
import { type EngineUnderTest, get, instance, SERVER, sweep, untar } from './engine-world.ts';
import { freePort } from './free-port.ts';

export function engineContract(kind: string, make: () => Promise<EngineUnderTest>): void {
  describe(`${kind} as an engine`, () => {
    let test: EngineUnderTest;
    let engine: Engine;
    const row = async (key: string) => (await engine.instances()).find((found) => found.key === key);
    const until = <T>(look: () => Promise<T>) => vi.waitFor(look, { timeout: 20_000, interval: 50 });

    beforeAll(async () => {
      test = await make();
      engine = test.engine;
      await engine.createNetwork(`berth-${test.name}`, test.name);
    });
    afterAll(() => sweep(engine, test.name));

    it('creates and starts an instance, which answers on its port with exactly the env it was given', async () => {
      const port = await freePort();
      const env = { KEY: 'line one\nline two\n', ODD: ' {{ x }} $Y $(id) `id` "q" = é ', EMPTY: '' };
      const want = instance(test, 'aaaa0001', port, {
        env,
        health: { path: '/up', intervalMs: 7, timeoutMs: 9 },
      });
      await engine.create(want);
      const body = await until(() => get(port));
      expect(JSON.parse(body)).toMatchObject({ ...env, PORT: '3000' });
      expect(await row(want.key)).toMatchObject({
        deployment: test.name,
        service: 'web',
        hash: 'aaaa0001',
        image: test.image,
        state: 'running',
        port,
        listen: 3000,
        address: expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/),
        health: { path: '/up', intervalMs: 7, timeoutMs: 9 },
        routed: true,
      });
    });

    it("puts one on this machine's network, where it hears its address and needs no network of its own", async () => {
      const port = await freePort();
      const server = SERVER.replace(
        '.listen(process.env.PORT)',
        ".listen(...process.env.AT.split(':').reverse())",
      );
      const overrides = { command: ['node', '-e', server], addressAs: 'AT', routed: false };
      const want = { ...instance(test, 'aaaa0015', port, overrides), network: 'host' };
      await engine.create(want);
      expect(JSON.parse(await until(() => get(port)))).toMatchObject({ AT: `127.0.0.1:${port}` });
      expect(await row(want.key)).toMatchObject({ state: 'running', port, listen: port, onHost: true });
      await engine.stop(want.key);
      await until(async () => expect(await row(want.key)).toMatchObject({ state: 'exited' }));
      await engine.start(want.key);
      expect(JSON.parse(await until(() => get(port)))).toMatchObject({ AT: `127.0.0.1:${port}` });
      await engine.remove(want.key);
      expect(await row(want.key)).toBeUndefined();
    });

    it('opens a sealed value for the container and for nobody else', async () => {
      const port = await freePort();
      const env = { SEALED: secretOf('f1', async () => 'canary-value') };
      const want = instance(test, 'aaaa0016', port, { env });
      await engine.create(want);
      expect(JSON.parse(await until(() => get(port)))).toMatchObject({ SEALED: 'canary-value' });
      expect(JSON.stringify(await row(want.key))).not.toContain('canary');
      const broken = secretOf('f2', () => Promise.reject(new StalledError('SEALED is damaged')));
      const other = instance(test, 'aaaa0017', await freePort(), { env: { SEALED: broken } });
      await expect(engine.create(other)).rejects.toThrow(StalledError);
      expect(await row(other.key)).toBeUndefined();
    });

    it('leaves an instance that is there already as it is', async () => {
      const want = instance(test, 'aaaa0002', await freePort());
      await engine.create(want);
      const before = await row(want.key);
      await engine.create(want);
      await engine.start(want.key);
      expect(await row(want.key)).toEqual(before);
    });

    it('stops without waiting, shows it as stopping, starts it again, and removes it for good', async () => {
      const port = await freePort();
      const slow = `process.on('SIGTERM', () => setTimeout(() => process.exit(7), 1500));${SERVER.replace('SIGTERM', 'SIGUSR2')}`;
      const want = instance(test, 'aaaa0003', port, { command: ['node', '-e', slow] });
      await engine.create(want);
      await until(() => get(port));
      await engine.stop(want.key);
      expect(await row(want.key)).toMatchObject({ state: 'stopping' });
      await until(async () => expect(await row(want.key)).toMatchObject({ state: 'exited', port }));
      expect(await engine.inspect(want.key)).toMatchObject({ exitCode: 7, oomKilled: false });
      await engine.stop(want.key);
      await engine.start(want.key);
      await until(() => get(port));
      await engine.remove(want.key);
      await engine.remove(want.key);
      expect(await row(want.key)).toBeUndefined();
      expect(await engine.inspect(want.key)).toBeUndefined();
      expect(await engine.tail(want.key, 5)).toEqual([]);
    });

    it('leaves nothing of an instance whose port is taken, and calls that transient', async () => {
      const holder = createServer().listen(0, '127.0.0.1');
      await once(holder, 'listening');
      const { port } = holder.address() as AddressInfo;
      const want = instance(test, 'aaaa0004', port);
      await expect(engine.create(want)).rejects.toThrow(TransientError);
      await expect(engine.create(want)).rejects.toThrow(`host port ${port} is taken`);
      expect(await row(want.key)).toBeUndefined();
      holder.close();
      await once(holder, 'close');
      await engine.create(want);
      await until(() => get(port));
    });

    it('shows that an instance whose command is not there keeps dying, and why', async () => {
      const want = instance(test, 'aaaa0005', undefined, { command: ['no-such-program'] });
      await engine.create(want);
      // Between two deaths it runs for a moment, with exit code 0.
      await until(async () => {
        const detail = await engine.inspect(want.key);
        expect(detail).toMatchObject({ exitCode: 127 });
        expect(detail?.restarts).toBeGreaterThan(1);
      });
      const texts = (await engine.tail(want.key, 5)).map(({ text }) => text).join();
      expect(texts).toContain('no-such-program');
      await engine.stop(want.key);
      await until(async () => expect(await row(want.key)).toMatchObject({ state: 'exited' }));
    });

    it('refuses for good what the engine can never make', async () => {
      const want = instance(test, 'aaaa0014', undefined, { volumes: { [`berth-${test.name}-bad`]: '/' } });
      await expect(engine.create(want)).rejects.toThrow(StalledError);
      expect(await row(want.key)).toBeUndefined();
    });

    it('waits for an image and a network that are not there yet', async () => {
      const noImage = instance(test, 'aaaa0006', undefined, { image: 'berth/absent:1' });
      await expect(engine.create(noImage)).rejects.toThrow(TransientError);
      const noNetwork = { ...instance(test, 'aaaa0007', undefined), network: `berth-${test.name}-absent` };
      await expect(engine.create(noNetwork)).rejects.toThrow(TransientError);
      expect((await engine.instances()).map(({ hash }) => hash)).not.toContain('aaaa0007');
    });

    it('takes the listening port from the image, and 3000 where that names none', async () => {
      const named = instance(test, 'aaaa0008', undefined);
      const { listen: _listen, ...spec } = named.spec;
      await engine.create({ ...named, spec });
      expect(await row(named.key)).toMatchObject({ listen: 3000 });
    });

    it('gives the lines of the log, oldest first, by stream, and cuts them at 16 kB', async () => {
      const talk = `for (let i = 0; i < 9; i++) console.log('line ' + i); console.error('x'.repeat(40000));`;
      const want = instance(test, 'aaaa0009', undefined, { command: ['node', '-e', `${talk};${SERVER}`] });
      await engine.create(want);
      await until(async () => expect((await engine.tail(want.key, 50)).length).toBeGreaterThan(13));
      const lines = await engine.tail(want.key, 50);
      const out = lines.filter(({ stream }) => stream === 'stdout').map(({ text }) => text);
      expect(out).toEqual([...Array.from({ length: 9 }, (_, i) => `line ${i}`), 'listening']);
      const loud = lines.filter(({ stream, text }) => stream === 'stderr' && text.startsWith('x'));
      expect(loud.map(({ text }) => text).join('')).toBe('x'.repeat(40_000));
      expect(Math.max(...lines.map(({ text }) => text.length))).toBeLessThanOrEqual(16_384);
      expect(Math.abs(Date.parse(lines[0]?.at ?? '') - Date.now())).toBeLessThan(60_000);
      expect(await engine.tail(want.key, 1)).toHaveLength(1);
    });

    it('follows a log until it is told to stop, or the instance ends', async () => {
      const tick = `let i = 0; setInterval(() => console.log('tick ' + i++), 50); setTimeout(() => process.exit(0), 60000);`;
      const want = instance(test, 'aaaa0010', undefined, { command: ['node', '-e', tick] });
      await engine.create(want);
      const stop = new AbortController();
      const seen: LogLine[] = [];
      for await (const line of engine.follow(want.key, { tail: 0, signal: stop.signal })) {
        seen.push(line);
        if (seen.length === 3) stop.abort();
      }
      expect(seen.length).toBeGreaterThanOrEqual(3);
      expect(seen[0]?.text).toMatch(/^tick \d+$/);
    });

    it('reports the death of an instance while it watches, and ends with its signal', async () => {
      const want = instance(test, 'aaaa0011', undefined, { command: ['node', '-e', SERVER] });
      const events: EngineEvent[] = [];
      const stop = new AbortController();
      const watching = engine.watch((event) => events.push(event), stop.signal);
      await until(async () => expect(events).toHaveLength(1));
      await engine.create(want);
      await engine.remove(want.key);
      await until(async () =>
        expect(events).toEqual(
          expect.arrayContaining([
            { type: 'container', action: 'start', key: want.key },
            { type: 'container', action: 'die', key: want.key },
            { type: 'container', action: 'destroy', key: want.key },
          ]),
        ),
      );
      stop.abort();
      await watching;
    });

    it('makes 40 networks with subnets of their own and removes them', async () => {
      const keys = Array.from({ length: 40 }, (_, index) => `berth-${test.name}-${index}`);
      await Promise.all(keys.slice(0, 4).map((key) => engine.createNetwork(key, test.name)));
      for (const key of keys.slice(4)) await engine.createNetwork(key, test.name);
      await engine.createNetwork(keys[0] ?? '', test.name);
      const made = (await engine.networks()).filter(({ key }) => keys.includes(key));
      expect(made).toHaveLength(40);
      expect(new Set(made.map(({ subnet }) => subnet)).size).toBe(40);
      expect(made.every(({ deployment }) => deployment === test.name)).toBe(true);
      for (const key of [...keys, ...keys]) await engine.removeNetwork(key);
      expect((await engine.networks()).filter(({ key }) => keys.includes(key))).toEqual([]);
    });

    it('keeps a network that still has instances, for now', async () => {
      await engine.create(instance(test, 'aaaa0012', undefined));
      await expect(engine.removeNetwork(`berth-${test.name}`)).rejects.toThrow(TransientError);
    });

    it('gives a volume to an instance, hands out its content as a tar, and removes it', async () => {
      const key = `berth-${test.name}-data`;
      await engine.createVolume(key, test.name);
      await engine.createVolume(key, test.name);
      const fill = `fs.mkdirSync('/data/sub'); fs.writeFileSync('/data/sub/a.bin', Buffer.alloc(3e5, 7)); fs.writeFileSync('/data/ü.txt', 'héllo')`;
      const want = instance(test, 'aaaa0013', undefined, {
        command: ['node', '-e', `${fill};${SERVER}`],
        volumes: { [key]: '/data' },
      });
      await engine.create(want);
      await until(async () => expect(await engine.tail(want.key, 5)).not.toEqual([]));
      await expect(engine.removeVolume(key)).rejects.toThrow(TransientError);
      await engine.remove(want.key);
      const files = await untar(await engine.readVolume(key));
      expect(files.get('ü.txt')?.toString()).toBe('héllo');
      expect(files.get('sub/a.bin')?.equals(Buffer.alloc(3e5, 7))).toBe(true);
      expect(files.size).toBe(2);
      expect(await engine.volumes()).toMatchObject([{ key, deployment: test.name }]);
      await engine.removeVolume(key);
      await engine.removeVolume(key);
      expect(await engine.volumes()).toEqual([]);
      expect((await engine.images()).filter(({ key: image }) => image.includes('volume-reader'))).toEqual([]);
    });

    it('knows the images that are not ours, says they are not, and does not remove them', async () => {
      expect(await engine.images()).toContainEqual(
        expect.objectContaining({ key: test.image, deployment: '', service: '' }),
      );
      expect(await engine.hasImage(test.image)).toBe(true);
      expect(await engine.hasImage('berth/absent:1')).toBe(false);
      await expect(engine.removeImage(test.image)).rejects.toThrow(StalledError);
      await engine.removeImage('berth/absent:1');
    });
  });
}
