/** What `berth doctor` finds at Cloudflare, and how it says to mend it. */
import { afterEach, describe, expect, test } from 'vitest';
import { cloudflareChecks } from '../../controller/cli/doctor-cloudflare.ts';
import type { Settings } from '../../controller/settings.ts';
import { type CloudflareStandIn, startCloudflare } from '../support/cloudflare-api.ts';

const servers: CloudflareStandIn[] = [];
async function start(zones: readonly string[] = ['example.com']): Promise<CloudflareStandIn> {
  const api = await startCloudflare({ zones });
  servers.push(api);
  return api;
}
afterEach(async () => {
  for (const api of servers.splice(0)) await api.close();
});

async function findings(api: CloudflareStandIn, more: Partial<NonNullable<Settings['cloudflare']>> = {}) {
  const usual = { token: api.token, baseUrl: api.url, tunnel: 'home', connector: 'off' } as const;
  const found = await Promise.all(
    cloudflareChecks({ cloudflare: { ...usual, ...more } }).map((check) => check()),
  );
  expect(JSON.stringify(found)).not.toContain(api.token);
  for (const { id } of api.state.tunnels) expect(JSON.stringify(found)).not.toContain(api.connectorToken(id));
  expect(api.changes).toEqual([]);
  const [cloudflare, zones, tunnel] = found;
  return { cloudflare, zones, tunnel };
}

test('without a token it is off, which is well', async () => {
  const [check, ...more] = cloudflareChecks({});
  expect(more).toEqual([]);
  expect(await check?.()).toEqual({
    name: 'cloudflare',
    ok: true,
    found: 'off, the sites are on this machine only: CLOUDFLARE_API_TOKEN turns it on',
  });
});

test('with all that is needed, and a connector, all is well', async () => {
  const api = await start(['example.com', 'ao2395.com']);
  const id = api.addTunnel('home', null, { connections: 4 });
  expect(await findings(api)).toEqual({
    cloudflare: {
      name: 'cloudflare',
      ok: true,
      found: 'the API token is valid and may do all that is needed',
    },
    zones: { name: 'zones', ok: true, found: 'ao2395.com, example.com' },
    tunnel: { name: 'tunnel', ok: true, found: `home (${id}) has 4 connections` },
  });
});

test('a token that an account owns is as good', async () => {
  const api = await start();
  api.accountOwned = true;
  expect((await findings(api)).cloudflare).toMatchObject({ ok: true });
});

test('a tunnel that is not made yet is well', async () => {
  const { tunnel } = await findings(await start());
  expect(tunnel).toMatchObject({ ok: true, found: 'there is none called home yet: berth makes it' });
});

describe('a tunnel without a connector', () => {
  test('gets the one command, without the token in it', async () => {
    const api = await start();
    api.addTunnel('home');
    const { tunnel } = await findings(api);
    expect(tunnel).toMatchObject({
      ok: false,
      mend: expect.stringContaining('`cloudflared tunnel run --token TOKEN`'),
    });
  });

  test('that Berth runs itself gets another', async () => {
    const api = await start();
    api.addTunnel('home');
    const { tunnel } = await findings(api, { connector: 'container' });
    expect(tunnel).toMatchObject({ ok: false, mend: expect.stringContaining('start berth') });
  });
});

describe('a missing permission is named:', () => {
  test.each([
    ['Zone:Read', ['DNS:Edit', 'Cloudflare Tunnel:Edit']],
    ['DNS:Edit', ['Zone:Read', 'Cloudflare Tunnel:Edit']],
    ['DNS:Edit', ['Zone:Read', 'DNS:Read', 'Cloudflare Tunnel:Edit']],
    ['Cloudflare Tunnel:Edit', ['Zone:Read', 'DNS:Edit']],
    ['Cloudflare Tunnel:Edit', ['Zone:Read', 'DNS:Edit', 'Cloudflare Tunnel:Read']],
    ['DNS:Edit, Cloudflare Tunnel:Edit', ['Zone:Read']],
  ] as const)('%s, where there are %j', async (missing, permissions) => {
    const api = await start();
    api.permit(...permissions);
    expect((await findings(api)).cloudflare).toMatchObject({
      ok: false,
      found: `the API token lacks ${missing}`,
      mend: expect.stringContaining('https://dash.cloudflare.com/profile/api-tokens'),
    });
  });
});

test.each([
  [
    'is revoked',
    (api: CloudflareStandIn) => Object.assign(api, { revoked: true }),
    /the API token is not valid/,
  ],
  [
    'sees several accounts',
    (api: CloudflareStandIn) => void api.addZone('work.org', api.addAccount('Work')),
    /CLOUDFLARE_ACCOUNT_ID/,
  ],
  ['meets an outage', (api: CloudflareStandIn) => api.fail(/./, { status: 503 }, 100), /status 503/],
  ['meets a web page', (api: CloudflareStandIn) => api.fail(/./, 'html', 100), /text\/html/],
])('a token that %s is told so, and nothing is thrown', async (_name, spoil, says) => {
  const api = await start();
  spoil(api);
  const found = await findings(api);
  expect(found.tunnel).toMatchObject({ ok: false, found: expect.stringMatching(says) });
});

test('a token without zones is told what to do', async () => {
  const { zones } = await findings(await start([]));
  expect(zones).toMatchObject({ ok: false, mend: expect.stringContaining('add your domain at Cloudflare') });
});
