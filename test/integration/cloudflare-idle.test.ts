/** A whole controller with nothing to publish: what it costs Cloudflare, and what an outage there does to it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Berth, startBerth } from '../support/berth.ts';
import { type CloudflareStandIn, startCloudflare } from '../support/cloudflare-api.ts';
import { until } from '../support/until.ts';

let api: CloudflareStandIn;
let berth: Berth;
beforeAll(async () => {
  api = await startCloudflare({ zones: ['example.com'] });
  api.addTunnel('home', {
    ingress: [{ hostname: 'a.example.com', service: 'http://x' }, { service: 'http_status:404' }],
  });
  api.addRecord({ name: 'a.example.com' });
  berth = await startBerth({
    CLOUDFLARE_API_TOKEN: api.token,
    CLOUDFLARE_BASE_URL: api.url,
    CLOUDFLARE_TUNNEL: 'home',
  });
});
afterAll(async () => {
  try {
    await berth?.tearDown();
  } finally {
    await api?.close();
  }
});

test('an interval costs one list of records and one read of the document, and no write', async () => {
  await berth.converged();
  api.calls.length = 0;
  const begun = performance.now();
  await until('it looks a few times', () => api.count(/configurations/) >= 4, 30_000);
  const kinds = new Set(api.calls.map(({ method, path }) => `${method} ${path.split('/').at(-1)}`));
  expect([...kinds].sort()).toEqual(['GET configurations', 'GET dns_records']);
  // The last look may be under way.
  expect(Math.abs(api.count(/dns_records/) - api.count(/configurations/))).toBeLessThanOrEqual(1);
  expect(performance.now() - begun, 'its interval is 2 s').toBeGreaterThan(5000);
  expect(api.changes).toEqual([]);
});

test('while Cloudflare is out of reach the passes go on and say so, and afterwards all is certain again', async () => {
  api.fail(/./, { status: 502, body: '<html>' }, 10_000);
  const dark = await berth.until(
    'it is uncertain',
    ({ observed }) => 'uncertain' in (observed['dns record'] ?? []),
  );
  expect(dark.observed['tunnel route']).toEqual({ uncertain: expect.stringContaining('status 502') });
  expect(dark.observed.vhost).toEqual(expect.any(Array));
  api.mend();
  await berth.converged();
  expect(api.changes).toEqual([]);
});

test('the token is in no line of the log', () => {
  expect(berth.log.join('\n')).not.toContain(api.token);
});
