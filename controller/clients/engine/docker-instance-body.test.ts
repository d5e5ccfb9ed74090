import type Docker from 'dockerode';
import { expect, test } from 'vitest';
import { StalledError } from '../../core/errors.ts';
import { secretOf } from '../../core/secret.ts';
import type { InstanceSpec, InstanceWant } from '../../core/types.ts';
import { containerBody, instanceRow } from './docker-instance-body.ts';
import { openEnv } from './open-env.ts';

const SPEC: InstanceSpec = {
  image: 'app:1',
  env: {},
  health: { intervalMs: 1000, timeoutMs: 60_000 },
  routed: true,
  volumes: {},
  memoryBytes: 1024,
  pids: 64,
};

const WANT: InstanceWant = {
  ...{ key: 'blog-web-aaaaaaaa', deployment: 'blog', service: 'web', hash: 'aaaaaaaa', commit: 'c' },
  ...{ spec: SPEC, network: 'berth-blog', port: 3001, why: '' },
};

const ON_HOST: InstanceWant = {
  ...WANT,
  network: 'host',
  spec: { ...SPEC, routed: false, health: { ...SPEC.health, path: '/ready' }, addressAs: 'ADDRESS' },
};

const options = { listen: 3000, env: { A: 'b' }, owner: 'me' };

test('an instance is on the network of its deployment, and published on 127.0.0.1 alone', () => {
  const body = containerBody(WANT, options);
  expect(body.Env).toEqual(['A=b', 'PORT=3000']);
  expect(body.ExposedPorts).toEqual({ '3000/tcp': {} });
  expect(body.HostConfig).toMatchObject({
    NetworkMode: 'berth-blog',
    PortBindings: { '3000/tcp': [{ HostIp: '127.0.0.1', HostPort: '3001' }] },
  });
  expect(body.NetworkingConfig).toEqual({ EndpointsConfig: { 'berth-blog': { Aliases: ['web'] } } });
  expect(body).not.toHaveProperty('Healthcheck');
});

test("an instance on this machine's network is told its address, publishes nothing and has no alias", () => {
  const body = containerBody(ON_HOST, { ...options, listen: 3001 });
  expect(body.Env).toEqual(['A=b', 'PORT=3001', 'ADDRESS=127.0.0.1:3001']);
  expect(body.HostConfig).toMatchObject({ NetworkMode: 'host', Memory: 1024, PidsLimit: 64 });
  expect(body.HostConfig).not.toHaveProperty('PortBindings');
  expect(body).not.toHaveProperty('ExposedPorts');
  expect(body).not.toHaveProperty('NetworkingConfig');
  expect(body.Healthcheck).toEqual({ Test: ['NONE'] });
});

test('its limits and its labels are those of any other', () => {
  const { HostConfig: here, Labels: labels } = containerBody(ON_HOST, { ...options, listen: 3001 });
  const { HostConfig: there } = containerBody(WANT, options);
  const { NetworkMode: _a, ...mine } = here ?? {};
  const { NetworkMode: _b, PortBindings: _c, ...theirs } = there ?? {};
  expect(mine).toEqual(theirs);
  expect(labels).toMatchObject({
    'berth.port': '3001',
    'berth.listen': '3001',
    'berth.health-path': '/ready',
  });
});

test('the list tells which one is on the network of this machine', () => {
  const row = (want: InstanceWant) => {
    const { Labels, HostConfig } = containerBody(want, { ...options, listen: 3001 });
    const container = { Id: 'id', Names: [`/${want.key}`], State: 'running', Created: 1, Labels, HostConfig };
    return instanceRow(container as unknown as Docker.ContainerInfo, new Set());
  };
  expect(row(ON_HOST)).toMatchObject({ onHost: true, port: 3001, routed: false });
  expect(row(WANT)).not.toHaveProperty('onHost');
});

test('sealed values are opened for the environment, and are in no label', async () => {
  const env = { PLAIN: 'p', SEALED: secretOf('f1', async () => 'canary') };
  const want = { ...WANT, spec: { ...SPEC, env } };
  const body = containerBody(want, { ...options, env: await openEnv(env) });
  expect(body.Env).toContain('SEALED=canary');
  expect(JSON.stringify({ ...body, Env: [] })).not.toContain('canary');
});

test('a value that can not be opened any more is told, and nothing is made', async () => {
  const broken = secretOf('f1', async () => {
    throw new StalledError('SEALED of blog/web was sealed for another controller');
  });
  await expect(openEnv({ SEALED: broken })).rejects.toThrow(StalledError);
});
