import { expect, test } from 'vitest';
import { lookAt, type ServiceView } from './service-view.ts';
import type { InstanceHave } from './types.ts';

const KEY = 'blog-web-3f9a1c02';

const exiting: InstanceHave = {
  ...{ key: KEY, deployment: 'blog', service: 'web', hash: '3f9a1c02', image: 'i', state: 'restarting' },
  ...{ ready: false, sinceMs: 0, healthTimeoutMs: 60_000, restarts: 5, proven: false },
  detail: 'exited with code 3: no database',
};

function failureOf(instance: InstanceHave): string | undefined {
  const spec = {
    ...{ image: 'i', env: {}, routed: true, volumes: {}, memoryBytes: 1, pids: 1 },
    health: { intervalMs: 1000, timeoutMs: 60_000 },
  };
  const image = { key: 'i', deployment: 'blog', service: 'web', from: { kind: 'pull' as const } };
  const service = {
    ...{ name: 'web', version: { image, hash: '3f9a1c02', spec }, replicas: 1, strategy: 'rolling' as const },
    ...{ needs: [], routed: true },
  };
  const deployment = {
    ...{ name: 'blog', hostnames: ['blog.localhost'], services: [service], volumes: [], suspend: false },
    ...{
      routes: [{ prefix: '/', service: 'web', strip: false }],
      headers: {},
      maxBody: '1m',
      fingerprint: '',
    },
  };
  const view: ServiceView = {
    ...{ deployment, service, instances: [instance], image: undefined, vhost: undefined },
    ...{ missingNeed: undefined, drainMs: 0, workerShutdownMs: 0 },
  };
  return lookAt(view).failures.get(KEY);
}

test('a version that exits again and again is given up with what it said last', () => {
  expect(failureOf(exiting)).toBe('exited 5 times: exited with code 3: no database');
  expect(failureOf({ ...exiting, restarts: 4 })).toBeUndefined();
});

test('it is not given up while it runs once more, since only its end tells its exit code', () => {
  expect(failureOf({ ...exiting, state: 'running', detail: 'keeps exiting' })).toBeUndefined();
});
