import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import Docker from 'dockerode';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { createDockerEngine } from '../../controller/clients/engine/docker.ts';
import type { Engine, EngineEvent } from '../../controller/clients/engine/types.ts';
import { StalledError, TransientError } from '../../controller/core/errors.ts';
import { runStep, type Step } from '../../controller/core/step.ts';
import { type EngineUnderTest, get, instance, sweep } from '../support/engine-world.ts';
import { freePort } from '../support/free-port.ts';
import { type RecordingSocket, recordingSocket } from '../support/recording-socket.ts';
import { tinyImage } from '../support/tiny-image.ts';

const SOCKET = '/var/run/docker.sock';
const owner = `t${randomBytes(4).toString('hex')}`;
const network = `berth-${owner}`;
const docker = new Docker();
let test: EngineUnderTest;
let engine: Engine;
let recorder: RecordingSocket;

beforeAll(async () => {
  recorder = await recordingSocket();
  engine = createDockerEngine({ dockerHost: recorder.path, owner, step: runStep });
  test = { engine, name: owner, image: await tinyImage() };
  await engine.createNetwork(network, owner);
});
afterEach(async () => {
  for (const { key } of await engine.instances()) await engine.remove(key);
});
afterAll(async () => {
  await sweep(engine, owner);
  await recorder.close();
});

it('no env value is ever in a URL', async () => {
  const canary = `hunter2-${randomBytes(8).toString('hex')}`;
  const want = instance(test, 'bbbb0001', undefined, { env: { PASSWORD: canary } });
  await engine.create(want);
  await engine.tail(want.key, 1);
  await engine.instances();
  const found = await docker.getContainer(want.key).inspect();
  expect(found.Config.Env).toContain(`PASSWORD=${canary}`);
  expect(JSON.stringify(found.Config.Labels)).not.toContain(canary);
  expect(recorder.requests).toContainEqual(expect.stringMatching(/^POST \/containers\/create\?name=/));
  expect(decodeURIComponent(recorder.requests.join('\n'))).not.toContain(canary);
});

it('a pass that looks at instances makes one call', async () => {
  const before = recorder.requests.length;
  await engine.instances();
  expect(recorder.requests.slice(before)).toEqual([expect.stringMatching(/^GET \/containers\/json\?/)]);
});

it('a container is confined as DESIGN asks', async () => {
  const port = await freePort();
  const want = instance(test, 'bbbb0002', port, { cpus: 0.5 });
  await engine.create(want);
  const { HostConfig, NetworkSettings } = await docker.getContainer(want.key).inspect();
  expect(HostConfig).toMatchObject({
    PortBindings: { '3000/tcp': [{ HostIp: '127.0.0.1', HostPort: String(port) }] },
    SecurityOpt: ['no-new-privileges'],
    Init: true,
    Memory: want.spec.memoryBytes,
    MemorySwap: want.spec.memoryBytes,
    NanoCpus: 0.5e9,
    PidsLimit: 64,
    RestartPolicy: { Name: 'unless-stopped' },
    LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
  });
  expect(NetworkSettings.Networks[network]?.Aliases).toContain('web');
});

it('a crash between create and start leaves what the next create takes over', async () => {
  const port = await freePort();
  const want = instance(test, 'bbbb0003', port);
  const crash: Step = (label, effect) =>
    label.startsWith('engine.start') ? Promise.reject(new Error('crash')) : effect();
  const dying = createDockerEngine({ dockerHost: SOCKET, owner, step: crash });
  await expect(dying.create(want)).rejects.toThrow('crash');
  const [orphan] = await engine.instances();
  expect(orphan).toMatchObject({ key: want.key, state: 'created', port });
  await engine.create(want);
  expect(await engine.instances()).toMatchObject([{ id: orphan?.id, state: 'running' }]);
  await vi.waitFor(() => get(port), { timeout: 10_000 });
});

it('what such a crash left with another port is made anew', async () => {
  const [before, after] = [await freePort(), await freePort()];
  await engine.create(instance(test, 'bbbb0004', before));
  await engine.create(instance(test, 'bbbb0004', after));
  expect(await engine.instances()).toMatchObject([{ port: after, state: 'running' }]);
});

it('every write is a step', async () => {
  const labels: string[] = [];
  const step: Step = (label, effect) => {
    labels.push(label);
    return effect();
  };
  const counted = createDockerEngine({ dockerHost: SOCKET, owner, step });
  const want = instance(test, 'bbbb0005', undefined);
  await counted.create(want);
  await counted.create(want);
  await counted.stop(want.key);
  await counted.remove(want.key);
  await counted.instances();
  expect(labels).toEqual(['create', 'start', 'stop', 'remove'].map((verb) => `engine.${verb} ${want.key}`));
});

it('a container, a network and a volume of someone else are named and left alone', async () => {
  const want = instance(test, 'bbbb0006', undefined);
  const foreign = await docker.createContainer({ name: want.key, Image: test.image, Cmd: ['node'] });
  const foreignNetwork = await docker.createNetwork({ Name: `${network}-foreign` });
  await docker.createVolume({ Name: `${network}-foreign` });
  try {
    for (const touch of [
      () => engine.create(want),
      () => engine.start(want.key),
      () => engine.stop(want.key),
      () => engine.remove(want.key),
    ]) {
      await expect(touch()).rejects.toThrow(StalledError);
      await expect(touch()).rejects.toThrow(want.key);
    }
    await expect(engine.createNetwork(`${network}-foreign`, owner)).rejects.toThrow(StalledError);
    await expect(engine.removeNetwork(`${network}-foreign`)).rejects.toThrow(StalledError);
    await expect(engine.createVolume(`${network}-foreign`, owner)).rejects.toThrow(StalledError);
    await expect(engine.removeVolume(`${network}-foreign`)).rejects.toThrow(StalledError);
    await foreign.inspect();
    await foreignNetwork.inspect();
    expect(await engine.inspect(want.key)).toBeUndefined();
    expect(await engine.tail(want.key, 1)).toEqual([]);
  } finally {
    await foreign.remove({ force: true });
    await foreignNetwork.remove();
    await docker.getVolume(`${network}-foreign`).remove();
  }
});

it('what someone runs or builds from an image of ours stays theirs', async () => {
  const reference = `berth/${owner}-web:x`;
  const changes = ['LABEL berth.deployment=blog berth.service=web', 'EXPOSE 9000 8080', 'EXPOSE 53/udp'];
  await engine.importImage(Readable.from([Buffer.alloc(1024)]), reference, changes);
  const theirs = await docker.createContainer({ Image: reference, Cmd: ['x'] });
  await docker.getImage(reference).tag({ repo: `${owner}-theirs`, tag: '1' });
  try {
    expect(await engine.instances()).toEqual([]);
    const rows = await engine.images();
    expect(rows.find(({ key }) => key === reference)).toMatchObject({ deployment: 'blog', service: 'web' });
    expect(rows.find(({ key }) => key === `${owner}-theirs:1`)).toMatchObject({
      deployment: '',
      service: '',
    });
    await expect(engine.removeImage(`${owner}-theirs:1`)).rejects.toThrow(StalledError);
  } finally {
    await theirs.remove({ force: true });
    await docker.getImage(`${owner}-theirs:1`).remove();
  }
  await engine.removeImage(reference);
  expect(await engine.hasImage(reference)).toBe(false);
});

it('a pause by hand is ended by a start', async () => {
  const want = instance(test, 'bbbb0007', undefined);
  await engine.create(want);
  await docker.getContainer(want.key).pause();
  expect(await engine.instances()).toMatchObject([{ state: 'exited' }]);
  await engine.start(want.key);
  expect(await engine.instances()).toMatchObject([{ state: 'running' }]);
});

it('a watch that is cut off comes back and says so', async () => {
  const events: EngineEvent[] = [];
  const stop = new AbortController();
  const onError = vi.fn();
  const watcher = createDockerEngine({ dockerHost: recorder.path, owner, step: runStep, onError });
  const watching = watcher.watch((event) => events.push(event), stop.signal);
  await vi.waitFor(() => expect(events.map(({ action }) => action)).toEqual(['connected']));
  recorder.cut();
  await vi.waitFor(() => expect(events.map(({ action }) => action)).toEqual(['connected', 'reconnected']), {
    timeout: 10_000,
  });
  stop.abort();
  await watching;
  expect(onError.mock.calls).toEqual([[expect.any(TransientError)]]);
});

it('what a crash left of reading a volume goes with the volume', async () => {
  const key = `${network}-data`;
  await engine.createVolume(key, owner);
  const abandoned = await engine.readVolume(key);
  await engine.removeVolume(key);
  abandoned.on('error', () => {}).destroy();
  expect(await engine.volumes()).toEqual([]);
  const left = await docker.listContainers({ all: true, filters: { label: [`berth.owner=${owner}`] } });
  expect(left).toEqual([]);
});

it('an engine that is not there is transient, and the words say how to start it', async () => {
  const absent = createDockerEngine({ dockerHost: '/nonexistent/docker.sock', owner, step: runStep });
  await expect(absent.instances()).rejects.toThrow(TransientError);
  await expect(absent.instances()).rejects.toThrow(
    /can't be reached at \/nonexistent\/docker\.sock: start it/,
  );
  expect(() => createDockerEngine({ dockerHost: 'ftp://x', owner, step: runStep })).toThrow(StalledError);
});

it('an answer that is no list, is cut off or never comes says nothing about what exists', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'berth-engine-'));
  const path = join(dir, 'docker.sock');
  let answer = 0;
  const server = createServer((_request, response) => {
    answer += 1;
    if (answer === 1) response.end('<html>200</html>');
    if (answer === 2) response.end('{}');
    if (answer === 3) {
      response.writeHead(200, { 'content-length': 100 }).write('[');
      setImmediate(() => response.destroy());
    }
  }).listen(path);
  const lame = createDockerEngine({ dockerHost: path, owner, step: runStep, timeoutMs: 500 });
  try {
    for (let tries = 0; tries < 4; tries += 1) await expect(lame.instances()).rejects.toThrow(TransientError);
    expect(answer).toBe(4);
  } finally {
    server.closeAllConnections();
    server.close();
    await rm(dir, { recursive: true });
  }
});
