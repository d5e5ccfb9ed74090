/** The tunnel's one document, which others write too. */
import { afterEach, describe, expect, test } from 'vitest';
import type { IngressRule } from '../../controller/clients/cloudflare/types.ts';
import { type Fault, startCloudflare } from '../support/cloudflare-api.ts';
import { type EdgeWorld, startEdgeWorld } from '../support/edge-world.ts';

const worlds: EdgeWorld[] = [];

const GET = /^GET .*\/configurations/;
const PUT = /^PUT .*\/configurations/;
const REST = { service: 'http_status:418', originRequest: {} };
const OURS: IngressRule = { hostname: 'blog.example.com', service: 'http://127.0.0.1:8080' };
const THEIRS = {
  service: 'ssh://10.0.0.1:22',
  hostname: 'ssh.example.com',
  originRequest: { tcpKeepAlive: 30 },
};
const LATER = { hostname: 'later.example.com', service: 'http://10.0.0.2' };
const rest = {
  'warp-routing': { enabled: true },
  originRequest: { connectTimeout: 10 },
  'x-unknown': [1, null, 'é'],
};
const DOCUMENT = { ...rest, ingress: [THEIRS, REST] };

/** Puts ours there if it is not, and leaves the rest. */
const put = (rules: readonly IngressRule[]) =>
  rules.some(({ hostname }) => hostname === OURS.hostname) ? rules : [...rules, OURS];

async function start(document: unknown = DOCUMENT): Promise<EdgeWorld & { readonly id: string }> {
  const api = await startCloudflare({ zones: ['example.com'] });
  const id = api.addTunnel('home', document);
  const world = await startEdgeWorld({}, api);
  worlds.push(world);
  await world.see();
  return Object.assign(world, { id });
}
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

describe('the rules', () => {
  test('of others, their order and all other members go back byte for byte, the rule for the rest last', async () => {
    const { api, edge, ask, effects, warnings, id } = await start();
    await edge.editRules(put);
    expect(api.document(id)).toBe(JSON.stringify({ ...rest, ingress: [THEIRS, OURS, REST] }));
    expect(ask()).toMatchObject({ rules: [THEIRS, OURS, REST] });
    expect(effects).toEqual(['cloudflare.writeRules home']);
    expect(warnings).toEqual([]);
    await edge.editRules((rules) => rules.filter(({ hostname }) => hostname !== OURS.hostname));
    expect(api.document(id)).toBe(JSON.stringify(DOCUMENT));
  });

  test('are not written when nothing changes', async () => {
    const { api, edge, id } = await start();
    const before = api.document(id);
    await edge.editRules((rules) => rules.map((rule) => ({ ...rule })));
    expect(api.count(PUT)).toBe(0);
    expect(api.document(id)).toBe(before);
  });

  test('of a new tunnel begin with ours', async () => {
    const { api, edge, id } = await start(null);
    await edge.editRules(put);
    expect(api.ingress(id)).toEqual([OURS, { service: 'http_status:404' }]);
  });

  test('that the API refuses are told in its own words, and what is known stays', async () => {
    const { edge, ask } = await start();
    const bad = (rules: readonly IngressRule[]) => [...rules, { hostname: 'a.*.com', service: 'http://x' }];
    await expect(edge.editRules(bad)).rejects.toThrow(
      /refuses to write the rules of the tunnel home: Bad Configuration.*code 1056/,
    );
    expect(ask()).toMatchObject({ rules: [THEIRS, REST] });
  });

  test('may get members from the API that nobody wrote', async () => {
    const { api, edge, id } = await start();
    api.after(PUT, () => {
      const row = api.state.tunnels.find((tunnel) => tunnel.id === id);
      if (row)
        row.document = row.document.replace(/"service":"http:/g, '"originRequest":{},"service":"http:');
    });
    await edge.editRules(put);
    expect(api.count(PUT)).toBe(1);
  });
});

describe('somebody else', () => {
  const others = { ...rest, ingress: [THEIRS, LATER, REST] };

  test('who wrote before we read is merged', async () => {
    const { api, edge, warnings, id } = await start();
    api.setDocument(id, others);
    await edge.editRules(put);
    expect(api.ingress(id)).toEqual([THEIRS, LATER, OURS, REST]);
    expect(warnings).toEqual([]);
  });

  test('who wrote after us is merged, though what they read was older than ours', async () => {
    const { api, edge, ask, warnings, id } = await start();
    api.after(PUT, () => api.setDocument(id, others));
    await edge.editRules(put);
    expect(api.ingress(id)).toEqual([THEIRS, LATER, OURS, REST]);
    expect(ask()).toMatchObject({ rules: [THEIRS, LATER, OURS, REST] });
    expect(warnings).toEqual([]);
  });

  test('who wrote between our read and our write is told of, with both versions', async () => {
    const { api, edge, ask, warnings, id } = await start();
    api.after(GET, () => api.setDocument(id, others));
    await edge.editRules(put);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(
      'Berth read version 1 and wrote version 3, so what version 2 changed may be lost',
    );
    expect(ask()).toMatchObject({ rules: [THEIRS, OURS, REST] });
  });

  test('who takes ours out again each time wins after five tries, and it is said', async () => {
    const { api, edge, id } = await start();
    api.after(PUT, () => api.setDocument(id, others), 10);
    await expect(edge.editRules(put)).rejects.toThrow(
      /changed by somebody else each time Berth wrote them, 5 times/,
    );
    expect(api.count(PUT)).toBe(5);
    expect(api.ingress(id)).toEqual([THEIRS, LATER, REST]);
  });
});

describe('when an answer is lost', () => {
  const faults: readonly Fault[] = [
    'done, then reset',
    'done, then silence',
    'done, then 502',
    'html',
    'empty object',
    'reset',
    'hang',
  ];
  test.each(faults)(
    '(%j) of the write, nothing is known until a look has told, and no rule is lost or doubled',
    async (fault) => {
      const { api, edge, ask, certain, id } = await start();
      api.fail(PUT, fault);
      await expect(edge.editRules(put)).rejects.toThrow(/could not write the rules/);
      expect(typeof ask()).toBe('string');
      await certain();
      await edge.editRules(put);
      expect(api.document(id)).toBe(JSON.stringify({ ...rest, ingress: [THEIRS, OURS, REST] }));
    },
  );

  test('of the read before, nothing is written, and nobody else waits for an answer before a look', async () => {
    const { api, edge, ask, certain } = await start();
    api.fail(GET, 'html');
    await expect(edge.editRules(put)).rejects.toThrow(/could not read the rules/);
    expect(typeof ask()).toBe('string');
    expect((await certain()).rules).toEqual([THEIRS, REST]);
    expect(api.count(PUT)).toBe(0);
  });

  test('of the read after, a look has to tell', async () => {
    const { api, edge, ask, certain } = await start();
    api.after(PUT, () => api.fail(GET, 'html'));
    await expect(edge.editRules(put)).rejects.toThrow(/could not read the rules/);
    expect(typeof ask()).toBe('string');
    expect((await certain()).rules).toEqual([THEIRS, OURS, REST]);
  });
});
