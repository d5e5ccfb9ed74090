import { expect, test } from 'vitest';
import type { InstanceRow } from '../clients/engine/types.ts';
import { targetOf } from './instance.ts';

const ROW: InstanceRow = {
  ...{
    key: 'blog-web-aaaaaaaa',
    id: 'i',
    deployment: 'blog',
    service: 'web',
    hash: 'aaaaaaaa',
    image: 'app:1',
  },
  ...{ state: 'running', createdMs: 0, port: 3001, listen: 3000, address: '10.0.0.2', routed: true },
  health: { path: '/ready', intervalMs: 1000, timeoutMs: 60_000 },
};

test.each<[string, Partial<InstanceRow>, object]>([
  ['what is routed is asked on its published port', {}, { http: { port: 3001 } }],
  [
    "what is on this machine's network is asked on its own port",
    { routed: false, onHost: true, listen: 3001 },
    { http: { port: 3001 } },
  ],
  [
    'what is internal is asked at its own address',
    { routed: false },
    { tcp: { host: '10.0.0.2', port: 3000 } },
  ],
])('%s', (_what, more, where) => {
  const { key, health } = ROW;
  expect(targetOf({ ...ROW, ...more })).toEqual({ key, health, ...where });
});
