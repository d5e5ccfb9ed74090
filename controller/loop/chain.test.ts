/** Each break of a visitor's way is a row: what is seen, and the first link that is told as broken. */
import { expect, test } from 'vitest';
import { deployment, instance, NEW, notYet, service, vhost } from '../../test/support/plan-text.ts';
import type { GuardedPlan } from '../core/guard.ts';
import type { Action, Desired, DesiredDeployment, Observed, Resource, Wanted } from '../core/types.ts';
import { type ChainFacts, chainNames, chainOf, type HostChain, withLink } from './chain.ts';
import type { Report } from './reconcile.ts';

const HOST = 'blog.example.com';
const BLOG = deployment({ hostnames: [HOST] });
const W = instance(NEW);
const ROW = { key: '3001', deployment: 'blog', port: 3001, service: 'web', instance: W.key };
const MINE: ChainFacts = { edge: { connector: 'off', connections: 4 } };
const THEIRS: ChainFacts = { edge: { connector: 'container' } };

const record = {
  ...{ key: HOST, deployment: 'blog' },
  record: { type: 'CNAME', name: HOST, content: 't1.cfargotunnel.com' },
};
const route = {
  ...{ key: HOST, deployment: 'blog', hostname: HOST, copies: 1, recorded: true },
  rule: { hostname: HOST, service: 'http://127.0.0.1:8080' },
};

interface Scene {
  readonly entry?: DesiredDeployment;
  readonly desired?: Partial<Desired>;
  readonly observed?: Readonly<Record<string, unknown>>;
  readonly actions?: readonly Partial<Action>[];
  readonly wanted?: Partial<Wanted>;
}

function report({ entry = BLOG, desired, observed, actions = [], wanted }: Scene = {}): Report {
  const seen = {
    ...{ image: [], network: [], volume: [], port: [ROW], instance: [W], vhost: [vhost([W], { of: entry })] },
    ...{ tunnel: [{ key: 'tunnel', deployment: '' }], 'dns record': [record], 'tunnel route': [route] },
    ...observed,
  } as unknown as Observed;
  const plan = {
    held: [],
    actions: actions.map((action) => ({
      verb: 'create',
      key: HOST,
      deployment: 'blog',
      why: 'w',
      ...action,
    })),
    wanted: {
      ...{ vhosts: [{ hostnames: entry.hostnames, deployment: entry.name }] },
      ...{ frozen: new Map(), verdicts: new Map(), ...wanted },
    },
  } as unknown as GuardedPlan;
  const asked = { commit: 'c', deployments: [entry], stalled: new Set<string>(), problems: [], ...desired };
  return { desired: asked, problems: asked.problems, observed: seen, plan, outcomes: [] };
}

function hostOf(scene: Scene = {}, facts: ChainFacts = MINE, name = 'blog'): HostChain {
  const [host] = chainOf(name, report(scene), facts)?.hosts ?? [];
  if (!host) throw new Error('no such host');
  return host;
}

/** `ok dns record: …`, and `--` for what was not reached. */
function told({ links }: HostChain): readonly string[] {
  return links.map(({ link, ok, reached, route: prefix, found }) => {
    const mark = ok ? 'ok' : reached === false ? '--' : 'bad';
    return `${mark} ${link}${prefix ? ` ${prefix}` : ''}: ${found}`;
  });
}

test('a whole way is told link by link', () => {
  expect(told(hostOf())).toEqual([
    'ok dns record: CNAME to t1.cfargotunnel.com',
    'ok tunnel route: leads to http://127.0.0.1:8080',
    'ok connector: is run by you, with 4 connections',
    `ok vhost: leads to ${W.key}`,
    'ok port: 127.0.0.1:3001',
    `ok container: ${W.key} runs`,
    `ok health: ${W.key} answers`,
  ]);
  expect(hostOf().broken).toBeUndefined();
});

const foreign = {
  why: `an A record of ${HOST} leads to 192.0.2.1 and is not Berth's: remove it, or use another hostname`,
  forPerson: true,
} as const;

const BREAKS: readonly (readonly [string, Scene, { link: string; found: string; mend?: string }])[] = [
  [
    'a foreign record is in the way',
    { observed: { 'dns record': [] }, actions: [{ kind: 'dns record', wait: foreign }] },
    { link: 'dns record', found: 'is missing', mend: foreign.why },
  ],
  [
    'the record was changed by hand',
    { actions: [{ kind: 'dns record', verb: 'update', why: 'it is no longer proxied' }] },
    { link: 'dns record', found: 'it is no longer proxied' },
  ],
  [
    'Cloudflare could not be looked at',
    { observed: { 'dns record': { uncertain: 'no answer' } } },
    { link: 'dns record', found: "can't be told: no answer" },
  ],
  [
    'the route waits for its record',
    {
      observed: { 'tunnel route': [] },
      actions: [{ kind: 'tunnel route', wait: { why: 'the record comes first' } }],
    },
    { link: 'tunnel route', found: 'is missing', mend: 'wait: the record comes first' },
  ],
  [
    'a foreign rule of the hostname is no route of ours',
    { observed: { 'tunnel route': [{ ...route, deployment: '' }] } },
    { link: 'tunnel route', found: 'is missing' },
  ],
  [
    'nginx is down',
    {
      observed: {
        vhost: [
          { ...vhost([W], { of: BLOG }), key: '(nginx)', deployment: '', text: 'nginx is not running' },
        ],
      },
    },
    { link: 'vhost', found: 'nginx is not running' },
  ],
  [
    'the vhost was edited',
    {
      actions: [
        { kind: 'vhost', key: 'blog', verb: 'update', why: 'its text is not what the entry asks for' },
      ],
    },
    { link: 'vhost', found: 'its text is not what the entry asks for' },
  ],
  [
    'nginx runs something else than the file',
    { observed: { vhost: [vhost([W], { of: BLOG, liveForMs: 0 })] } },
    { link: 'vhost', found: 'nginx does not run what is on the disk' },
  ],
  [
    'nothing has answered yet',
    {
      observed: { vhost: [vhost([], { of: BLOG })] },
      wanted: { verdicts: new Map([['blog', { status: 'failed', stage: 'build', error: 'exit code 1' }]]) },
    },
    { link: 'vhost', found: 'leads nowhere yet and shows the deploying page', mend: 'exit code 1' },
  ],
  [
    'the container and its port are gone',
    { observed: { instance: [], port: [] } },
    { link: 'port', found: 'no port is known of what it leads to' },
  ],
  [
    'the container is gone, its port is kept',
    { observed: { instance: [] } },
    { link: 'container', found: `${W.key} is not there` },
  ],
  [
    'the container was given up',
    { observed: { instance: [{ ...W, ...notYet, state: 'exited', gaveUp: 'exited 5 times' }] } },
    {
      link: 'container',
      found: `${W.key} is exited: exited 5 times`,
      mend: 'correct the app or its entry, and commit',
    },
  ],
  [
    'the app does not answer',
    { observed: { instance: [{ ...W, ...notYet }] } },
    {
      link: 'health',
      found: `${W.key} does not answer: connection refused`,
      mend: `its log says more: \`docker logs ${W.key}\``,
    },
  ],
];

test.each(BREAKS)(
  '%s: that is the first broken link, and what stands behind it is not looked at',
  (_name, scene, broken) => {
    const host = hostOf(scene);
    expect(host.broken).toMatchObject({ mend: expect.any(String), ...broken });
    const at = host.links.findIndex(({ link }) => link === broken.link);
    expect(host.links.slice(0, at).every(({ ok }) => ok)).toBe(true);
    expect(host.links.slice(at + 1).every(({ reached }) => reached === false)).toBe(true);
    expect(host.links).toHaveLength(7);
  },
);

test.each<[string, ChainFacts, readonly Partial<Resource>[], object]>([
  ['run by a person and not connected', { edge: { connector: 'off', connections: 0 } }, [W], { ok: false }],
  ['run by a person, and not to be asked about', { edge: { connector: 'off' } }, [W], { ok: true }],
  [
    'run by Berth and connected',
    THEIRS,
    [W, { ...W, key: 'berth-tunnel-cloudflared-aaaaaaaa', deployment: 'berth-tunnel' }],
    { ok: true },
  ],
  [
    'run by Berth and not connected',
    THEIRS,
    [W, { ...W, ...notYet, deployment: 'berth-tunnel' }],
    { ok: false, found: expect.stringContaining('connection refused') },
  ],
  ['run by Berth and not there', THEIRS, [W], { ok: false, found: 'is not there', mend: 'no token' }],
])('a connector that is %s', (_name, facts, instances, link) => {
  const verdicts = new Map([
    ['berth-tunnel', { status: 'failed' as const, stage: 'source', error: 'no token' }],
  ]);
  const { links } = hostOf({ observed: { instance: instances }, wanted: { verdicts } }, facts);
  expect(links[2]).toMatchObject({ link: 'connector', ...link });
});

test('without Cloudflare its links say so and break nothing', () => {
  const host = hostOf(
    { observed: { tunnel: undefined, 'dns record': undefined, 'tunnel route': undefined } },
    {},
  );
  expect(host.broken).toBeUndefined();
  expect(host.links.slice(0, 3).every(({ found }) => found.startsWith('Cloudflare is off'))).toBe(true);
});

test('a name of this machine needs no record', () => {
  const entry = deployment({ hostnames: ['blog.localhost'] });
  const host = hostOf({ entry, observed: { 'dns record': [], 'tunnel route': [] } });
  expect(host.broken).toBeUndefined();
  expect(host.links[0]?.found).toBe('none: the name is of this network only');
});

test("each route's service is followed on its own", () => {
  const entry = deployment({
    hostnames: [HOST],
    services: [service(), service({ name: 'api' })],
    routes: [
      { prefix: '/api/', service: 'api', strip: false },
      { prefix: '/', service: 'web', strip: false },
    ],
  });
  const api = instance(NEW, { service: 'api', port: 3002, ...notYet });
  const host = hostOf({ entry, observed: { instance: [W, api], vhost: [vhost([W, api], { of: entry })] } });
  expect(told(host).slice(3)).toEqual([
    `ok vhost /api/: leads to ${api.key}`,
    'ok port /api/: 127.0.0.1:3002',
    `ok container /api/: ${api.key} runs`,
    `bad health /api/: ${api.key} does not answer: connection refused`,
    `ok vhost /: leads to ${W.key}`,
    'ok port /: 127.0.0.1:3001',
    `ok container /: ${W.key} runs`,
    `ok health /: ${W.key} answers`,
  ]);
  expect(host.broken).toMatchObject({ link: 'health', route: '/api/' });
});

test('one good replica of several is enough, and the bad one is told', () => {
  const [a, b] = [instance(NEW, { key: 'blog-web-1' }), instance(NEW, { key: 'blog-web-2', ...notYet })];
  const host = hostOf({ observed: { instance: [a, b], vhost: [vhost([a, b], { of: BLOG })] } });
  expect(host.broken).toBeUndefined();
  expect(host.links.at(-1)?.found).toBe('blog-web-1 answers; blog-web-2 does not answer: connection refused');
});

test('a suspended deployment is whole when its stopped page is shown', () => {
  const entry = deployment({ hostnames: [HOST], suspend: true });
  const host = hostOf({ entry, observed: { instance: [], port: [], vhost: [vhost([], { of: entry })] } });
  expect(host.broken).toBeUndefined();
  expect(told(host).at(-1)).toBe('ok vhost: shows the stopped page, as `suspend` asks');
});

test('of an entry that is wrong, what its vhost serves is followed, and the error is told', () => {
  const message = 'deployments.yaml:3:5 deployments/blog/prot: is not known';
  const desired = {
    deployments: [],
    stalled: new Set(['blog']),
    problems: [{ deployment: 'blog', message }],
  };
  const chain = chainOf('blog', report({ desired }), MINE);
  expect(chain?.problem).toBe(message);
  expect(chain?.hosts.map(({ hostname }) => hostname)).toEqual([HOST]);
  expect(chain?.hosts[0]?.broken).toBeUndefined();
});

test("the admin's own hostname ends at its vhost", () => {
  const own = { key: 'berth-admin', deployment: 'berth-admin', hostnames: [HOST] };
  const ownVhosts = [{ ...own, routes: [{ prefix: '/', service: 'admin', strip: false }] }];
  const have = { ...vhost([]), key: 'berth-admin', deployment: 'berth-admin', serves: { admin: ['admin'] } };
  const host = hostOf({ desired: { ownVhosts } as never, observed: { vhost: [have] } }, MINE, 'berth-admin');
  expect(told(host).at(-1)).toBe('ok vhost: leads to admin');
  expect(host.links).toHaveLength(4);
});

test('names that are known are those of the file and the admin; any other has no chain', () => {
  const ownVhosts = [{ deployment: 'berth-admin' }] as never;
  const desired = {
    stalled: new Set(['broken']),
    ownVhosts,
    deployments: [BLOG, deployment({ name: 'berth-tunnel' })],
  };
  expect(chainNames(report({ desired }))).toEqual(['berth-admin', 'blog', 'broken']);
  expect(chainOf('nobody', report({ desired }), MINE)).toBeUndefined();
  expect(chainOf('berth-tunnel', report({ desired }), MINE)).toBeUndefined();
});

test('a link that is added at the end is the broken one only if none before it is', () => {
  const answer = { link: 'answer', ok: false, found: 'answered 502' } as const;
  expect(withLink(hostOf(), answer).broken).toEqual(answer);
  const broken = hostOf({ observed: { instance: [] } });
  expect(withLink(broken, answer).broken?.link).toBe('container');
});
