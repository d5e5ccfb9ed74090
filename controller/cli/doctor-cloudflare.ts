/** What `berth doctor` finds at Cloudflare: the token and what it may, the domains, the tunnel and its connector. */
import { type Api, createApi } from '../clients/cloudflare/api.ts';
import { listZones } from '../clients/cloudflare/dns-calls.ts';
import { CloudflareError } from '../clients/cloudflare/errors.ts';
import { createGate } from '../clients/cloudflare/gate.ts';
import { ownTunnel, soleAccount } from '../clients/cloudflare/place.ts';
import type { ZoneRow } from '../clients/cloudflare/shapes.ts';
import { mayEditDns, mayEditTunnels, verifyToken } from '../clients/cloudflare/token-calls.ts';
import { countConnections } from '../clients/cloudflare/tunnel-calls.ts';
import { messageOf } from '../core/errors.ts';
import type { Settings } from '../settings.ts';
import type { Finding } from './finding.ts';

type Cloudflare = NonNullable<Settings['cloudflare']>;

const TOKENS = 'https://dash.cloudflare.com/profile/api-tokens';
/** More zones than this are not tried one by one. */
const MOST_ZONES = 10;

/** One check when it is off, else three that share what they ask. Each resolves and never throws. */
export function cloudflareChecks({
  cloudflare,
}: Pick<Settings, 'cloudflare'>): readonly (() => Promise<Finding>)[] {
  if (!cloudflare) return [async () => OFF];
  const { token, baseUrl } = cloudflare;
  const api = createApi({ token, baseUrl, gate: createGate(() => performance.now()) });
  let asking: Promise<readonly ZoneRow[]> | undefined;
  const zones = (): Promise<readonly ZoneRow[]> => {
    asking ??= listZones(api);
    return asking;
  };
  const checks: Readonly<Record<string, () => Promise<Finding>>> = {
    cloudflare: () => tokenFinding(api, cloudflare, zones),
    zones: async () => zonesFinding(cloudflare, await zones()),
    tunnel: async () => tunnelFinding(api, cloudflare, await zones()),
  };
  return Object.entries(checks).map(
    ([name, check]) =>
      () =>
        check().catch((error: unknown): Finding => ({ name, ok: false, found: messageOf(error) })),
  );
}

const OFF: Finding = {
  name: 'cloudflare',
  ok: true,
  found: 'off, the sites are on this machine only: CLOUDFLARE_API_TOKEN turns it on',
};

async function tokenFinding(
  api: Api,
  { accountId }: Cloudflare,
  zones: () => Promise<readonly ZoneRow[]>,
): Promise<Finding> {
  const name = 'cloudflare';
  const seen = await zones().catch((error: unknown) => error);
  const rows = Array.isArray(seen) ? (seen as readonly ZoneRow[]) : [];
  const account = accountId ?? (await soleAccount(api, rows).catch(() => undefined));
  // A token that an account owns is unknown here, which looks as if it were none.
  await verifyToken(api).catch((error: unknown) => {
    if (!(error instanceof CloudflareError) || error.status === 0 || account === undefined) throw error;
    return verifyToken(api, account);
  });
  const lacks = await lacking(api, account, rows);
  if (!Array.isArray(seen) && isRefusal(seen)) lacks.unshift('Zone:Read');
  else if (!Array.isArray(seen)) throw seen;
  if (lacks.length === 0)
    return { name, ok: true, found: 'the API token is valid and may do all that is needed' };
  const mend = `add ${lacks.length > 1 ? 'them' : 'it'} at ${TOKENS}`;
  return { name, ok: false, found: `the API token lacks ${lacks.join(', ')}`, mend };
}

/** Permissions that are missing, by the names under which they are added. */
async function lacking(api: Api, account: string | undefined, zones: readonly ZoneRow[]): Promise<string[]> {
  const own = zones.filter((zone) => zone.account.id === account).slice(0, MOST_ZONES);
  const closed: string[] = [];
  for (const zone of own) if (!(await mayEditDns(api, zone))) closed.push(zone.name);
  const everywhere = closed.length === own.length;
  const tunnels = account === undefined || (await mayEditTunnels(api, account));
  return [
    ...(closed.length > 0 ? [`DNS:Edit${everywhere ? '' : ` (for ${closed.join(' and ')})`}`] : []),
    ...(tunnels ? [] : ['Cloudflare Tunnel:Edit']),
  ];
}

function isRefusal(error: unknown): boolean {
  return error instanceof CloudflareError && error.status === 403;
}

function zonesFinding({ accountId }: Cloudflare, rows: readonly ZoneRow[]): Finding {
  const name = 'zones';
  const names = rows.filter(({ account }) => accountId === undefined || account.id === accountId);
  const found = names
    .map((zone) => zone.name)
    .sort()
    .join(', ');
  if (found !== '') return { name, ok: true, found };
  const mend = "add your domain at Cloudflare, and its zone to the API token's resources";
  return { name, ok: false, found: 'the API token sees no zone', mend };
}

async function tunnelFinding(api: Api, cloudflare: Cloudflare, zones: readonly ZoneRow[]): Promise<Finding> {
  const name = 'tunnel';
  const account = cloudflare.accountId ?? (await soleAccount(api, zones));
  const tunnel = await ownTunnel(api, account, cloudflare.tunnel);
  if (!tunnel)
    return { name, ok: true, found: `there is none called ${cloudflare.tunnel} yet: berth makes it` };
  const count = await countConnections(api, account, tunnel);
  const shown = `${tunnel.name} (${tunnel.id})`;
  if (count > 0) return { name, ok: true, found: `${shown} has ${count} connections` };
  return { name, ok: false, found: `${shown} has no connector`, mend: connect(cloudflare, tunnel.name) };
}

function connect({ connector }: Cloudflare, tunnel: string): string {
  return connector === 'container'
    ? 'start berth, which runs cloudflared; if it is running, `berth doctor` with a deployment says more'
    : `run \`cloudflared tunnel run --token TOKEN\` on this machine; the dashboard shows TOKEN under Zero Trust, Networks, Tunnels, ${tunnel}; or set BERTH_CLOUDFLARED=container`;
}
