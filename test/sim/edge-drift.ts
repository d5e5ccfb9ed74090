/** What hands, and Cloudflare itself, do to records and rules in the small world. */
import type { DnsRecord, IngressRule } from '../../controller/clients/cloudflare/types.ts';
import { CATCH_ALL, type EdgeWorld, ZONE } from './edge.ts';
import { isOurRecord, isOurRule } from './edge-ours.ts';
import type { Outside } from './world.ts';

const HOSTS = ['a', 'b', 'c', 'www', 'admin'].map((name) => `${name}.${ZONE.name}`);

/** Every drift at Cloudflare, by name. */
export const EDGE_DRIFTS = {
  'remove record': (outside, pick) => changeRecord(outside, pick, () => []),
  'turn a proxy off': (outside, pick) =>
    changeRecord(outside, pick, (record) => [{ ...record, proxied: false }]),
  'point a record elsewhere': (outside, pick) =>
    changeRecord(outside, pick, (record) => [{ ...record, content: 'else.example.net' }]),
  'wipe a comment': (outside, pick) => changeRecord(outside, pick, (record) => [{ ...record, comment: '' }]),
  'remove route': (outside, pick) => changeRule(outside, pick, () => []),
  'lead a route elsewhere': (outside, pick) =>
    changeRule(outside, pick, (rule) => [{ ...rule, service: 'http://10.0.0.9:80' }]),
  'list a route twice': (outside, pick) => changeRule(outside, pick, (rule) => [rule, { ...rule }]),
  'move a route to the end': ({ edge }, pick) => {
    const rule = edge.rules[pick % edge.rules.length];
    if (!rule || rule === CATCH_ALL) return;
    edge.rules = [...edge.rules.filter((other) => other !== rule && other !== CATCH_ALL), rule, CATCH_ALL];
  },
  'a foreign record appears': ({ edge }, pick) => {
    const name = HOSTS[pick % HOSTS.length] ?? '';
    if (edge.records.some((record) => record.name === name)) return;
    const [type, content] = pick % 2 === 0 ? ['A', '192.0.2.7'] : ['TXT', 'hello'];
    addRecord(edge, { name, type, content, comment: '' });
  },
  "another Berth's record appears": ({ edge }, pick) => {
    const name = HOSTS[pick % HOSTS.length] ?? '';
    if (edge.records.some((record) => record.name === name)) return;
    addRecord(edge, { name, type: 'CNAME', content: 'tx.cfargotunnel.com', comment: 'berth:other/x' });
  },
  'a foreign rule appears': ({ edge, state }, pick) => {
    const hostname = HOSTS[pick % HOSTS.length] ?? '';
    // Where we have or had one it would be the same as one that was changed by hand.
    if (Object.hasOwn(state.routes, hostname) || edge.rules.some((rule) => rule.hostname === hostname))
      return;
    const path = pick % 2 === 0 ? {} : { path: '^/old' };
    edge.rules = [{ hostname, ...path, service: 'http://10.0.0.8:80', note: 'mine' }, ...edge.rules];
  },
  'foreign things make room': (outside) => {
    const { edge } = outside;
    const inTheWay = (host = ''): boolean => HOSTS.includes(host);
    edge.records = edge.records.filter((record) => isOurRecord(record) || !inTheWay(record.name));
    edge.rules = edge.rules.filter((rule) => isOurRule(outside, rule) || !inTheWay(rule.hostname));
  },
  'the tunnel is deleted': ({ edge }) => {
    Object.assign(edge, { tunnel: undefined, rules: [CATCH_ALL], raced: [] });
  },
  'someone else writes in between': ({ edge }, pick) => {
    edge.racer = { hostname: `race${pick}.${ZONE.name}`, service: 'http://10.0.0.7:80' };
  },
  'Cloudflare is out of sight': (outside, pick) => {
    outside.edge.blindUntilMs = outside.nowMs + 1000 * pick;
  },
} satisfies Readonly<Record<string, (outside: Outside, pick: number) => void>>;

function addRecord(edge: EdgeWorld, more: Pick<DnsRecord, 'name' | 'type' | 'content' | 'comment'>): void {
  edge.nextId += 1;
  const record = { id: `f${edge.nextId}`, zone: ZONE.id, proxied: false, ...more };
  edge.records = [...edge.records, record];
}

function changeRecord(
  { edge }: Outside,
  pick: number,
  change: (record: DnsRecord) => readonly DnsRecord[],
): void {
  const own = edge.records.filter(isOurRecord);
  const chosen = own[pick % Math.max(1, own.length)];
  edge.records = edge.records.flatMap((record) => (record === chosen ? change(record) : [record]));
}

function changeRule(
  outside: Outside,
  pick: number,
  change: (rule: IngressRule) => readonly IngressRule[],
): void {
  const { edge } = outside;
  const own = edge.rules.filter((rule) => isOurRule(outside, rule));
  const chosen = own[pick % Math.max(1, own.length)];
  edge.rules = edge.rules.flatMap((rule) => (rule === chosen ? change(rule) : [rule]));
}

/** What was there before Berth came: mail and text at the apex, an old site, and a wildcard in the tunnel. */
export function seedEdge(edge: EdgeWorld): void {
  const other = { comment: '', name: ZONE.name };
  addRecord(edge, { ...other, type: 'MX', content: 'mail.example.net' });
  addRecord(edge, { ...other, type: 'TXT', content: 'v=spf1 -all', comment: 'by hand' });
  addRecord(edge, { ...other, type: 'A', content: '192.0.2.1', name: `legacy.${ZONE.name}` });
  edge.tunnel = { id: 't0', name: 'sim' };
  edge.rules = [
    { hostname: `legacy.${ZONE.name}`, service: 'http://10.0.0.5:80', originRequest: { noTLSVerify: true } },
    { hostname: `*.${ZONE.name}`, service: 'http://10.0.0.6:80' },
    CATCH_ALL,
  ];
}
