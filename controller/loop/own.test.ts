import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import type { ConnectorToken } from '../clients/cloudflare/types.ts';
import { StalledError, TransientError } from '../core/errors.ts';
import type { Desired, DesiredDeployment } from '../core/types.ts';
import { renderVhost } from '../kinds/vhost-text.ts';
import { createKeyedHash } from '../manifest/keyed-hash.ts';
import { createFingerprint } from '../manifest/sealed/fingerprint.ts';
import { CONNECTOR_IMAGE, type OwnOptions, withOwn } from './own.ts';

const EMPTY: Desired = { commit: 'c', deployments: [], stalled: new Set(), problems: [] };
const hash = createKeyedHash(Buffer.from('key'));
const fingerprint = createFingerprint(Buffer.from('key'));
const TOKEN = 'eyJhIjoiY2FuYXJ5LXRva2VuIn0=';

function own(options: Partial<OwnOptions> = {}, desired = EMPTY): Desired {
  return withOwn(desired, { adminPort: 7420, hash, fingerprint, ...options });
}

function connector(token: ConnectorToken): DesiredDeployment {
  const [only] = own({ connector: { connectorToken: () => token } }).deployments;
  if (!only) throw new Error('no connector');
  return only;
}

const versionOf = (token: string) => connector({ state: 'known', token }).services[0]?.version;

test('with nothing of its own switched on, what Git wants is all there is', () => {
  expect(own()).toEqual(EMPTY);
});

test('the admin host leads to the port where the admin listens, and nginx can be given that', () => {
  const [vhost] = own({ adminHost: 'berth.example.com' }).ownVhosts ?? [];
  if (!vhost) throw new Error('no vhost');
  const text = renderVhost(vhost, { owner: 'o', http: { host: '127.0.0.1', port: 8080 } });
  expect(text).toMatch(/^# berth owner=o deployment=berth-admin\n# serves admin=admin\n/);
  expect(text).toContain('server_name "berth.example.com";');
  expect(text).toContain('proxy_pass http://127.0.0.1:7420;');
  expect(text).toContain('client_max_body_size 26m;');
  expect(text).toContain('proxy_read_timeout 3600000ms;');
});

test('the connector runs on the network of this machine, with its token sealed and its address to be filled in', async () => {
  const { services, hostnames } = connector({ state: 'known', token: TOKEN });
  const [service] = services;
  expect(hostnames).toEqual([]);
  expect(service).toMatchObject({ name: 'cloudflared', onHost: true, routed: false, strategy: 'rolling' });
  expect(service?.version?.image).toEqual({
    key: CONNECTOR_IMAGE,
    deployment: 'berth-tunnel',
    service: 'cloudflared',
    from: { kind: 'pull' },
  });
  const spec = service?.version?.spec;
  expect(spec).toMatchObject({
    command: ['tunnel', '--no-autoupdate', 'run'],
    addressAs: 'TUNNEL_METRICS',
    health: { path: '/ready' },
  });
  const secret = spec?.env.TUNNEL_TOKEN;
  expect(typeof secret === 'object' && (await secret.open())).toBe(TOKEN);
});

test('however it is printed, the token is not seen', () => {
  const desired = own({ connector: { connectorToken: () => ({ state: 'known', token: TOKEN }) } });
  const secret = versionOf(TOKEN)?.spec.env.TUNNEL_TOKEN;
  const prints = [
    JSON.stringify(desired),
    inspect(desired, { depth: 20 }),
    inspect(desired, { depth: 20, showHidden: true }),
    `${secret}`,
  ];
  for (const print of prints) {
    expect(print).toContain('[redacted]');
    expect(print).not.toContain(TOKEN);
  }
});

test('a rotated token is another version, and the same token is the same', () => {
  expect(versionOf(TOKEN)?.hash).toBe(versionOf(TOKEN)?.hash);
  expect(versionOf(TOKEN)?.hash).not.toBe(versionOf('another-token')?.hash);
});

test.each<[ConnectorToken, { why: string; failed: boolean }]>([
  [{ state: 'pending' }, { why: "asks for the tunnel's token", failed: false }],
  [
    { state: 'failed', error: new TransientError('no answer') },
    { why: 'no answer', failed: true },
  ],
])('while the token is %o no version is asked for, which is not the same as none', (token, unknown) => {
  const [service] = connector(token).services;
  expect(service?.unknown).toEqual(unknown);
  expect(service?.version).toBeUndefined();
});

test('a failure that is told in other words does not make the deployment another one', () => {
  const failed = (message: string) => connector({ state: 'failed', error: new StalledError(message) });
  expect(failed('one').fingerprint).toBe(failed('two').fingerprint);
  expect(failed('one').fingerprint).not.toBe(connector({ state: 'pending' }).fingerprint);
});

test('an entry that took its name stalls, but not the connector with it', () => {
  const wrong = { ...EMPTY, stalled: new Set(['berth-tunnel', 'other']) };
  expect([...own({}, wrong).stalled]).toEqual(['other']);
});
