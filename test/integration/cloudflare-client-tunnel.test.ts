/** The tunnel itself, and its connector's token. */
import { afterEach, describe, expect, test } from 'vitest';
import type { Edge, IngressRule } from '../../controller/clients/cloudflare/types.ts';
import { type Fault, startCloudflare } from '../support/cloudflare-api.ts';
import { type EdgeWorld, INTERVAL_MS, startEdgeWorld } from '../support/edge-world.ts';
import { until } from '../support/until.ts';

const worlds: EdgeWorld[] = [];

const OURS: IngressRule = { hostname: 'blog.example.com', service: 'http://127.0.0.1:8080' };
const put = (rules: readonly IngressRule[]) => [...rules, OURS];

async function start(): Promise<EdgeWorld & { readonly id: string }> {
  const world = await startEdgeWorld();
  worlds.push(world);
  await world.see();
  return Object.assign(world, { id: world.api.state.tunnels[0]?.id ?? '' });
}
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

describe('the tunnel', () => {
  const none = async (): Promise<EdgeWorld> => {
    const world = await startEdgeWorld({}, await startCloudflare({ zones: ['example.com'] }));
    worlds.push(world);
    await world.see();
    return world;
  };

  test('is made with its rules kept at Cloudflare, and is in the view at once', async () => {
    const { api, edge, ask, effects } = await none();
    await expect(edge.editRules(put)).rejects.toThrow('the tunnel home is not made yet');
    await edge.createTunnel();
    const [row] = api.state.tunnels;
    expect(row).toMatchObject({ name: 'home', configSrc: 'cloudflare' });
    expect(ask()).toMatchObject({ tunnel: { id: row?.id, name: 'home' }, rules: [] });
    await edge.editRules(put);
    expect(ask()).toMatchObject({ rules: [OURS, { service: 'http_status:404' }] });
    expect(effects).toEqual(['cloudflare.createTunnel home', 'cloudflare.writeRules home']);
  });

  test.each<Fault>(['done, then reset', 'done, then silence', 'html', 'reset'])(
    'is made once, though the answer was lost (%j)',
    async (fault) => {
      const { api, edge, certain } = await none();
      api.fail(/^POST/, fault);
      await expect(edge.createTunnel()).rejects.toThrow(/could not create the tunnel home/);
      await certain();
      await edge.createTunnel();
      expect(api.state.tunnels).toHaveLength(1);
    },
  );

  test('that somebody made just now is taken', async () => {
    const { api, edge, ask, effects } = await none();
    const id = api.addTunnel('home');
    await edge.createTunnel();
    expect(ask()).toMatchObject({ tunnel: { id } });
    expect(effects).toEqual([]);
  });

  test('that was deleted is no place to write, and the next look tells', async () => {
    const { api, edge, certain, id } = await start();
    api.deleteTunnel(id);
    await expect(edge.editRules(put)).rejects.toThrow(/Tunnel not found, code 1003/);
    expect((await certain()).tunnel).toBeUndefined();
    await edge.createTunnel();
    await edge.editRules(put);
    expect(api.ingress(api.state.tunnels[1]?.id ?? '')).toEqual([OURS, { service: 'http_status:404' }]);
  });
});

describe("the connector's token", () => {
  const known = (edge: Edge) =>
    until(
      'it is known',
      () => {
        const token = edge.connectorToken();
        return token.state === 'known' ? token.token : undefined;
      },
      10_000,
    );

  test('is fetched when first asked for, masked before it is told, and kept for an hour', async () => {
    const world = await start();
    const { api, edge, secrets, pass, id } = world;
    const before = world.changed;
    expect(edge.connectorToken()).toEqual({ state: 'pending' });
    expect(await known(edge)).toBe(api.connectorToken(id));
    expect(secrets).toEqual([api.connectorToken(id)]);
    expect(world.changed).toBe(before + 1);
    pass(59 * 60_000);
    expect(edge.connectorToken().state).toBe('known');
    expect(api.count(/token$/)).toBe(1);
    pass(60_000);
    edge.connectorToken();
    await until('it is asked for again', () => api.count(/token$/) === 2, 5000);
    expect(world.changed, 'the same is no news').toBe(before + 1);
  });

  test('stays known while Cloudflare is out of reach', async () => {
    const { api, edge, ask, pass } = await start();
    const token = await known(edge);
    api.fail(/./, { status: 502 }, 100);
    pass(2 * 60 * 60_000);
    await edge.settle(AbortSignal.timeout(10_000));
    expect(typeof ask()).toBe('string');
    expect(edge.connectorToken()).toEqual({ state: 'known', token });
  });

  test('of another tunnel is another', async () => {
    const { api, edge, see, pass, id } = await start();
    await known(edge);
    api.deleteTunnel(id);
    pass(INTERVAL_MS);
    await see();
    expect(edge.connectorToken()).toEqual({ state: 'pending' });
    await edge.createTunnel();
    expect(await known(edge)).toBe(api.connectorToken(api.state.tunnels[1]?.id ?? ''));
  });

  test('that may not be read is told so, with the permission to add, and is tried again', async () => {
    const { api, edge, pass } = await start();
    api.permit('Zone:Read', 'DNS:Edit', 'Cloudflare Tunnel:Read');
    const failed = await until(
      'it failed',
      () => {
        const token = edge.connectorToken();
        return token.state === 'failed' ? token : undefined;
      },
      10_000,
    );
    expect(failed.error.message).toMatch(
      /read the connector's token of the tunnel home: add the permission Cloudflare Tunnel:Edit/,
    );
    api.permit('Zone:Read', 'DNS:Edit', 'Cloudflare Tunnel:Edit');
    pass(1000);
    await known(edge);
  });
});
