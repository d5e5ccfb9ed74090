/** What may be asked, and by whom: limits, permissions, accounts, tunnels. Nothing of it is ever told with the token in it. */
import { afterEach, describe, expect, test } from 'vitest';
import { startCloudflare } from '../support/cloudflare-api.ts';
import { type EdgeWorld, INTERVAL_MS, startEdgeWorld } from '../support/edge-world.ts';

const worlds: EdgeWorld[] = [];
async function start(...args: Parameters<typeof startEdgeWorld>): Promise<EdgeWorld> {
  const world = await startEdgeWorld(...args);
  worlds.push(world);
  return world;
}
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

describe('a limit that Cloudflare sets', () => {
  test('with Retry-After: 300 no call is sent for 300 s, each says so at once, and then all is well', async () => {
    const { api, edge, see, ask, pass, want, certain } = await start();
    await see();
    api.fail(/dns_records/, { retryAfter: 300 });
    pass(INTERVAL_MS);
    await edge.settle(AbortSignal.timeout(10_000));
    const sent = api.calls.length;
    const begun = performance.now();
    const says = /too many calls: nothing is asked of Cloudflare before/;
    expect(ask()).toMatch(says);
    await expect(edge.createRecord(want('blog.example.com'))).rejects.toThrow(says);
    await expect(edge.editRules((rules) => [...rules])).rejects.toThrow(says);
    pass(298_000);
    expect(ask()).toMatch(says);
    expect(performance.now() - begun).toBeLessThan(1000);
    expect(api.calls).toHaveLength(sent);
    pass(3000);
    await certain();
  });

  test('on a write is no doubt: it was not carried out', async () => {
    const { api, edge, see, ask, want } = await start();
    await see();
    api.fail(/^POST/, { retryAfter: 60 });
    await expect(edge.createRecord(want('blog.example.com'))).rejects.toThrow(/too many calls/);
    expect(ask()).toMatchObject({ records: [] });
  });
});

describe('a token that may not', () => {
  test('list zones is told which permission to add', async () => {
    const { api, see } = await start();
    api.permit('DNS:Edit', 'Cloudflare Tunnel:Edit');
    await expect(see()).rejects.toThrow(/may not list the zones: add the permission Zone:Read/);
  });

  test('read records is told which permission to add', async () => {
    const { api, see } = await start();
    api.permit('Zone:Read', 'Cloudflare Tunnel:Edit');
    await expect(see()).rejects.toThrow(
      /may not list the DNS records of example.com: add the permission DNS:Edit.*code 10000/,
    );
  });

  test('write records is told which permission to add, and what is known stays', async () => {
    const { api, edge, see, ask, want } = await start();
    await see();
    api.permit('Zone:Read', 'DNS:Read', 'Cloudflare Tunnel:Edit');
    await expect(edge.createRecord(want('blog.example.com'))).rejects.toThrow(
      /may not create the DNS record blog.example.com: add the permission DNS:Edit/,
    );
    expect(ask()).toMatchObject({ records: [] });
  });

  test('read or write the tunnel is told which permission to add', async () => {
    const { api, edge, see } = await start();
    await see();
    api.permit('Zone:Read', 'DNS:Edit', 'Cloudflare Tunnel:Read');
    const add = (rules: readonly object[]) => [{ hostname: 'a.example.com', service: 'http://x' }, ...rules];
    await expect(edge.editRules(add as never)).rejects.toThrow(/add the permission Cloudflare Tunnel:Edit/);
    api.permit('Zone:Read', 'DNS:Edit');
    await expect(see()).rejects.toThrow(/add the permission Cloudflare Tunnel:Edit/);
  });

  test('anything, since it was revoked, is told so; and given back, all is well', async () => {
    const { api, see, pass } = await start();
    const before = await see();
    api.revoked = true;
    await expect(see()).rejects.toThrow(/the API token is not valid .*set CLOUDFLARE_API_TOKEN/);
    api.revoked = false;
    pass(1000);
    expect(await see()).toEqual(before);
    expect(api.changes).toEqual([]);
  });

  test('be a header at all is told so', async () => {
    const { see } = await start({ token: 'no spaces, please' });
    await expect(see()).rejects.toThrow(/the API token is not valid .*code 6003.*code 6111/);
  });

  test('be told in an error, even if the API repeats it', async () => {
    const { api, see } = await start();
    const errors = [{ code: 1234, message: `what is ${api.token}?\n\u001b[31m` }];
    api.fail(/zones/, { status: 400, body: { success: false, errors, result: null } });
    const error = await see().catch((caught: Error) => caught);
    expect(error).toHaveProperty(
      'message',
      'Cloudflare refuses to list the zones: what is [redacted]? [31m, code 1234',
    );
  });
});

describe('the account', () => {
  test('is the one that the zones are in', async () => {
    const { api, see } = await start();
    api.addAccount('Other');
    await see();
    expect(api.count(/^GET \/accounts$/)).toBe(0);
  });

  test('has to be named where there are several, and then the others are left out', async () => {
    const api = await startCloudflare({ zones: ['example.com'] });
    api.addTunnel('home');
    const other = api.addAccount('Work');
    api.addZone('work.org', other);
    const world = await start({}, api);
    await expect(world.see()).rejects.toThrow(
      new RegExp(`several accounts: set CLOUDFLARE_ACCOUNT_ID to one of .*${other} \\(Work\\)`),
    );
    const zones = (await world.again({ accountId: api.account }).see()).zones;
    expect(zones.map(({ name }) => name)).toEqual(['example.com']);
  });

  test('is asked for where there is no zone, unless an account owns the token', async () => {
    const api = await startCloudflare();
    const world = await start({}, api);
    expect(await world.see()).toEqual({ zones: [], records: [], rules: [] });
    api.accountOwned = true;
    await expect(world.again().see()).rejects.toThrow(
      /sees no zone and no account: set CLOUDFLARE_ACCOUNT_ID/,
    );
    expect(await world.again({ accountId: api.account }).see()).toMatchObject({ zones: [] });
  });
});

describe('the tunnel', () => {
  test('may be named by its id', async () => {
    const api = await startCloudflare({ zones: ['example.com'] });
    const id = api.addTunnel('some name');
    const { see, edge } = await start({ tunnel: id.toUpperCase() }, api);
    expect((await see()).tunnel).toEqual({ id, name: 'some name' });
    api.deleteTunnel(id);
    await expect(see()).rejects.toThrow(`there is no tunnel ${id} in the account`);
    await expect(edge.createTunnel()).rejects.toThrow(/set CLOUDFLARE_TUNNEL to a name/);
  });

  test('that takes its rules from a file is refused, with the fix', async () => {
    const api = await startCloudflare({ zones: ['example.com'] });
    api.addTunnel('home', null, { configSrc: 'local' });
    const { see } = await start({}, api);
    await expect(see()).rejects.toThrow(/config_src: local\): migrate it/);
  });

  test('that was deleted is gone from the view, and nothing else', async () => {
    const { api, see } = await start();
    api.addRecord({ type: 'CNAME', name: 'www.example.com', content: 'x.y', comment: 'berth:ca/blog' });
    const { tunnel } = await see();
    api.deleteTunnel(tunnel?.id ?? '');
    const view = await see();
    expect(view.tunnel).toBeUndefined();
    expect(view).toMatchObject({ rules: [], records: [{ name: 'www.example.com' }] });
    expect(api.changes).toEqual([]);
  });

  test('is told apart from a deleted one of the same name', async () => {
    const api = await startCloudflare({ zones: ['example.com'] });
    api.addTunnel('home', null, { deleted: true });
    const id = api.addTunnel('home');
    const { see } = await start({}, api);
    expect((await see()).tunnel?.id).toBe(id);
  });
});
