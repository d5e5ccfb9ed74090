/** `berth doctor <deployment>`: breaks a visitor's way link by link, by hand, and reads which one is named. */
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../controller/cli/program.ts';
import { type Berth, killNginx, startBerth } from '../support/berth.ts';
import { type CloudflareStandIn, startCloudflare } from '../support/cloudflare-api.ts';
import { cloudflaredImage } from '../support/cloudflared-image.ts';
import { containersOf, docker } from '../support/docker.ts';
import { ECHO_APP } from '../support/load.ts';
import { tinyImage } from '../support/tiny-image.ts';

const HOST = 'ccshop.example.com';

let cloudflare: CloudflareStandIn;
let connector: { remove(): Promise<void> };
let berth: Berth;
let image = '';

beforeAll(async () => {
  image = await tinyImage();
  connector = await cloudflaredImage();
  cloudflare = await startCloudflare({ zones: ['example.com'] });
  berth = await startBerth({
    CLOUDFLARE_API_TOKEN: cloudflare.token,
    CLOUDFLARE_BASE_URL: cloudflare.url,
    BERTH_CLOUDFLARED: 'container',
    BERTH_DOMAIN: 'example.com',
    BERTH_PORTS: '7600-7649',
    BERTH_DRAIN: '300ms',
  });
  await berth.commit(file({ ccshop: shop() }));
  await berth.converged();
});

afterAll(async () => {
  try {
    await berth.tearDown();
  } finally {
    await cloudflare.close();
    await connector.remove();
  }
});

/** Two services behind one hostname. */
function shop(more: Readonly<Record<string, unknown>> = {}): unknown {
  const app = { image, start: ECHO_APP };
  return { services: { web: app, api: app }, routes: { '/': 'web', '/api/': 'api' }, ...more };
}

function file(deployments: Readonly<Record<string, unknown>>): Record<string, string> {
  return { 'deployments.yaml': JSON.stringify({ deployments }) };
}

interface Doctor {
  readonly code: number;
  readonly out: readonly string[];
  readonly err: readonly string[];
}

/** The command itself, without a process of its own. */
function doctor(...args: readonly string[]): Promise<Doctor> {
  return doctorIn(berth.env, ...args);
}

async function doctorIn(env: NodeJS.ProcessEnv, ...args: readonly string[]): Promise<Doctor> {
  const [out, err]: [string[], string[]] = [[], []];
  const stdin = new PassThrough();
  const io = { env, cwd: berth.dataDir, stdin, print: (line: string) => void out.push(line) };
  const code = await run(['doctor', ...args], { ...io, complain: (line) => void err.push(line) });
  return { code, out, err };
}

/** While the controller is stopped, so that nothing mends what `harm` breaks before it is looked at; then all is mended. */
async function whenBroken(harm: () => unknown): Promise<Doctor> {
  await berth.stop();
  await harm();
  const found = await doctor('ccshop');
  await berth.restart();
  await berth.converged();
  expect((await doctor('ccshop')).code).toBe(0);
  return found;
}

const bad = ({ out }: Doctor): readonly string[] => out.filter((line) => /^ *bad/.test(line));

test('beside a controller that has done its work every link is whole', async () => {
  const { code, out, err } = await doctor('ccshop');
  expect({ code, err }).toEqual({ code: 0, err: [] });
  const tunnel = cloudflare.state.tunnels[0]?.id;
  const { host, port } = berth.settings.http;
  const service = (name: string, prefix: string) => [
    expect.stringMatching(`^  ok   vhost         ${prefix}  leads to ccshop-${name}-[0-9a-f]{8}$`),
    expect.stringMatching(`^  ok   port          ${prefix}  127\\.0\\.0\\.1:76\\d\\d$`),
    expect.stringMatching(`^  ok   container     ${prefix}  ccshop-${name}-[0-9a-f]{8} runs$`),
    expect.stringMatching(`^  ok   health        ${prefix}  ccshop-${name}-[0-9a-f]{8} answers$`),
  ];
  expect(out).toEqual([
    HOST,
    `  ok   dns record    CNAME to ${tunnel}.cfargotunnel.com`,
    `  ok   tunnel route  leads to http://${host}:${port}`,
    expect.stringMatching(/^ {2}ok {3}connector {5}berth-tunnel-cloudflared-[0-9a-f]{8} is connected$/),
    ...service('api', '/api/'),
    ...service('web', '/'),
    '  ok   answer        GET / with this Host answered 200',
    '  every link is whole',
  ]);
});

test('the same as JSON', async () => {
  const { code, out } = await doctor('ccshop', '--json');
  expect({ code, lines: out.length }).toEqual({ code: 0, lines: 1 });
  const said = JSON.parse(out[0] ?? '');
  expect(said).toMatchObject({
    ok: true,
    deployment: 'ccshop',
    status: 'running',
    hosts: [{ hostname: HOST }],
  });
  expect(said.hosts[0].links[0]).toEqual({
    link: 'dns record',
    ok: true,
    found: expect.stringContaining('CNAME'),
  });
});

test('a record that was removed by hand', async () => {
  const found = await whenBroken(() => cloudflare.removeRecord(cloudflare.records(HOST)[0]?.id ?? ''));
  expect(found.code).toBe(1);
  expect(bad(found)).toEqual([
    expect.stringMatching(/^ {2}bad {2}dns record {4}is missing: a controller that runs mends it/),
  ]);
  expect(found.out).toContain('  the first broken link is the dns record');
  expect(found.out.filter((line) => line.includes('not reached')).length).toBe(10);
});

test("a stranger's record in the way is told with whose it is", async () => {
  const taken = { ccshop: shop({ hosts: ['taken.example.com'] }) };
  const id = cloudflare.addRecord({ name: 'taken.example.com', type: 'A', content: '192.0.2.7' });
  const before = JSON.stringify(cloudflare.records('taken.example.com'));
  await berth.commit(file(taken));
  await berth.converged();
  const { code, out } = await doctor('ccshop');
  expect(code).toBe(1);
  expect(out[0]).toMatch(
    /^bad {2}ccshop: taken\.example\.com has a record that is not ours, A "192\.0\.2\.7"/,
  );
  const at = out.indexOf('taken.example.com');
  expect(out[at + 1]).toMatch(/^ {2}bad {2}dns record {4}is missing: .*A "192\.0\.2\.7".*remove it/);
  expect(out.slice(0, at)).toContain('  every link is whole');
  expect(JSON.stringify(cloudflare.records('taken.example.com'))).toBe(before);
  cloudflare.removeRecord(id);
  await berth.commit(file({ ccshop: shop() }));
  await berth.converged();
});

test('a rule that was removed by hand', async () => {
  const id = cloudflare.state.tunnels[0]?.id ?? '';
  const found = await whenBroken(() =>
    cloudflare.setDocument(id, { ingress: [{ service: 'http_status:404' }] }),
  );
  expect(bad(found)).toEqual([expect.stringMatching(/^ {2}bad {2}tunnel route {2}is missing: /)]);
});

test('a connector that was removed', async () => {
  const [name = ''] = await containersOf(berth.owner, 'berth-tunnel');
  const found = await whenBroken(() => docker('rm', '-f', name));
  expect(bad(found)).toEqual([expect.stringMatching(/^ {2}bad {2}connector {5}is not there: /)]);
});

test('the container of one of its routes', async () => {
  const [name = ''] = (await containersOf(berth.owner, 'ccshop')).filter((one) => one.includes('-api-'));
  const found = await whenBroken(() => docker('stop', name));
  expect(bad(found)).toEqual([expect.stringMatching(`^  bad  container     /api/  ${name} is exited`)]);
  expect(found.out).toContain('  the first broken link is the container of /api/');
  expect(found.out.filter((line) => line.includes('health') && line.includes('/  '))).toHaveLength(2);
});

test('nginx that is down, and what a visitor gets then', async () => {
  const found = await whenBroken(async () => {
    await killNginx(berth.dataDir);
    await expect
      .poll(() =>
        berth.get(HOST).then(
          () => 'up',
          () => 'down',
        ),
      )
      .toBe('down');
  });
  expect(found.code).toBe(1);
  expect(found.out).toContain('  the first broken link is the vhost of /api/');
  expect(bad(found).at(-1)).toMatch(/^ {2}bad {2}answer {8}nginx gives none \(ECONNREFUSED\)/);
});

test('Cloudflare that does not answer is told, and nothing on this machine is blamed', async () => {
  cloudflare.fail(/./, { status: 502 }, 10_000);
  const { code, out } = await doctor('ccshop');
  cloudflare.mend();
  expect(code).toBe(1);
  expect(out.filter((line) => /^ {2}bad/.test(line))).toEqual([
    expect.stringMatching(/^ {2}bad {2}dns record {4}can't be told: .*502/),
  ]);
  await berth.converged();
});

test('an entry that is wrong is told first, and then what still runs of it', async () => {
  await berth.commit(file({ ccshop: shop({ prot: 1 }) }));
  await berth.converged();
  const { code, out } = await doctor('ccshop');
  expect(code).toBe(1);
  expect(out[0]).toMatch(/^bad {2}ccshop: deployments\.yaml:1:\d+ deployments\/ccshop/);
  expect(out[1]).toBe(HOST);
  expect(out.at(-1)).toBe('  every link is whole');
  await berth.commit(file({ ccshop: shop() }));
  await berth.converged();
});

test('a connector that a person runs is looked for at Cloudflare', async () => {
  await berth.restart({ BERTH_CLOUDFLARED: 'off' });
  await berth.converged();
  const none = await doctor('ccshop');
  expect(bad(none)).toEqual([
    expect.stringMatching(/^ {2}bad {2}connector {5}no cloudflared is connected to the tunnel: run one/),
  ]);
  Object.assign(cloudflare.state.tunnels[0] ?? {}, { connections: 4 });
  const some = await doctor('ccshop');
  expect(some.code).toBe(0);
  expect(some.out).toContain('  ok   connector     is run by you, with 4 connections');
});

test('without Cloudflare its links say so, and the rest is followed all the same', async () => {
  await berth.stop();
  const { CLOUDFLARE_API_TOKEN: _, ...env } = berth.env;
  const { code, out } = await doctorIn(env, 'ccshop');
  expect(code).toBe(0);
  expect(out.slice(1, 4).every((line) => line.includes('Cloudflare is off'))).toBe(true);
  expect(out.at(-1)).toBe('  every link is whole');
  await berth.restart();
});

test('a deployment that is not there is told, with the one that is near', async () => {
  const { code, out, err } = await doctor('ccshpo');
  expect({ code, out }).toEqual({ code: 1, out: [] });
  expect(err).toEqual(['berth: there is no deployment ccshpo; did you mean "ccshop"?']);
});
