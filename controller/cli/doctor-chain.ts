/** `berth doctor <deployment>`: follows a visitor's way to each hostname of it, and names the first link that is broken. */
import { request } from 'node:http';
import { StalledError } from '../core/errors.ts';
import { type Chain, type ChainFacts, chainNames, chainOf, type HostChain, withLink } from '../loop/chain.ts';
import { BY_ITSELF, type Link } from '../loop/chain-link.ts';
import type { Report } from '../loop/reconcile.ts';
import { type DeploymentStatus, statusOf } from '../loop/status.ts';
import { didYouMean } from '../manifest/near.ts';
import type { Settings } from '../settings.ts';
import type { Io, JsonOption } from './io.ts';
import { look } from './look.ts';
import { tunnelConnections } from './tunnel-connections.ts';

const ANSWER_MS = 5000;
/** Of nginx itself, or of one of our pages: no app was reached. 421 is what its default server says. */
const NOT_THE_APP: ReadonlySet<number> = new Set([421, 502, 503, 504]);

/** 0 when every link is whole, 1 when one is not, or when its entry or its newest version is bad. May run beside a controller. */
export async function doctorChain(
  settings: Settings,
  { name, json, io }: JsonOption & { readonly name: string; readonly io: Io },
): Promise<number> {
  const report = await look(settings, io);
  const chain = followed(name, report, await factsOf(settings));
  const hosts = await Promise.all(chain.hosts.map((host) => asked(host, chain, { report, settings })));
  const status = statusOf(report, new Map()).find((one) => one.name === name);
  const ok =
    chain.problem === undefined && status?.status !== 'failed' && hosts.every(({ broken }) => !broken);
  if (json) io.print(JSON.stringify({ ok, ...chain, hosts, ...(status && { status: status.status }) }));
  else for (const line of lines({ ...chain, hosts }, status)) io.print(line);
  return ok ? 0 : 1;
}

async function factsOf({ cloudflare }: Settings): Promise<ChainFacts> {
  if (!cloudflare) return {};
  const { connector } = cloudflare;
  const connections = connector === 'off' ? await tunnelConnections(cloudflare) : undefined;
  return { edge: { connector, ...(connections !== undefined && { connections }) } };
}

function followed(name: string, report: Report, facts: ChainFacts): Chain {
  if (!report.desired) {
    const [first] = report.problems;
    throw new StalledError(first?.message ?? 'no good file was ever seen: `berth plan` says why');
  }
  const chain = chainOf(name, report, facts);
  if (chain) return chain;
  const near = didYouMean(name, chainNames(report));
  throw new StalledError(`there is no deployment ${name}${near || ': `berth plan` shows those there are'}`);
}

/** The last check: what a visitor would get from nginx. A suspended deployment is to answer with its page. */
async function asked(
  host: HostChain,
  { deployment }: Chain,
  { report, settings }: { readonly report: Report; readonly settings: Settings },
): Promise<HostChain> {
  const entry = report.desired?.deployments.find(({ name }) => name === deployment);
  const got = await statusFrom(settings.http, host.hostname);
  const link = 'answer';
  if (typeof got === 'string')
    return withLink(host, { link, ok: false, found: `nginx gives none (${got})`, mend: BY_ITSELF });
  const ok = entry?.suspend ? got === 503 : !NOT_THE_APP.has(got);
  const found = `GET / with this Host answered ${got}`;
  return withLink(host, ok ? { link, ok, found } : { link, ok, found, mend: MENDS[got] ?? BY_ITSELF });
}

const MENDS: Readonly<Record<number, string>> = {
  502: 'the app closes the connection: its log says more',
  503: 'nothing of it has answered yet: `berth plan` says what is waited for',
  504: 'the app took too long: set `timeout`, or make it faster',
};

/** Status of `GET /`, or why there is none. */
function statusFrom({ host, port }: Settings['http'], hostname: string): Promise<number | string> {
  const near = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const options = { host: near, port, path: '/', headers: { host: hostname }, agent: false };
  return new Promise((resolve) => {
    const ask = request({ ...options, timeout: ANSWER_MS }, (answer) => {
      resolve(answer.statusCode ?? 0);
      answer.destroy();
    });
    ask.on('timeout', () => ask.destroy(new Error(`not within ${ANSWER_MS / 1000} s`)));
    ask.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    ask.end();
  });
}

function lines(
  { deployment, problem, hosts }: Chain,
  status: DeploymentStatus | undefined,
): readonly string[] {
  const error = problem ?? status?.error;
  const head = error === undefined ? [] : [`bad  ${deployment}: ${error}`];
  const none = `${deployment} has no hostname, so nobody is led to it from outside`;
  if (hosts.length === 0) return [...head, none];
  return [...head, ...hosts.flatMap((host) => [host.hostname, ...host.links.map(lineOf), verdict(host)])];
}

function lineOf({ link, route, ok, reached, found, mend }: Link): string {
  const mark = ok ? 'ok ' : reached === false ? '-- ' : 'bad';
  const line = `  ${mark}  ${link.padEnd(12)}  ${route === undefined ? '' : `${route}  `}${found}`;
  return mend === undefined ? line : `${line}: ${mend}`;
}

function verdict({ broken }: HostChain): string {
  if (!broken) return '  every link is whole';
  const { link, route } = broken;
  return `  the first broken link is the ${link}${route === undefined ? '' : ` of ${route}`}`;
}
