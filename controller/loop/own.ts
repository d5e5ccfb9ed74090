/**
 * What the controller wants for itself, beside what Git wants: the vhost of the admin, and the connector that joins this
 * machine to the tunnel. Both live and go like any deployment, so that watching, healing and removing are no second kind
 * of code; nobody else can have their names (`OWN`).
 *
 * Of cloudflared, read in its public sources: `TUNNEL_TOKEN` and `TUNNEL_METRICS` are the environment's names of
 * `--token` and `--metrics`, the entry point is `cloudflared --no-autoupdate`, and `GET /ready` on the metrics address
 * answers 200 once at least one connection to the edge is up, else 503. That the tag exists, in several public
 * repositories that pin it with its digest. Not tried here: the real image, against the real edge.
 */
import type { ConnectorToken, Edge } from '../clients/cloudflare/types.ts';
import { messageOf } from '../core/errors.ts';
import { secretOf } from '../core/secret.ts';
import type { Desired, DesiredDeployment, DesiredService, InstanceSpec, VhostWant } from '../core/types.ts';
import type { KeyedHash } from '../manifest/keyed-hash.ts';
import { isOwnName, OWN } from '../manifest/names.ts';
import type { Fingerprint } from '../manifest/sealed/fingerprint.ts';

/** Moves with a release of Berth: the image is never told to update itself. */
export const CONNECTOR_IMAGE = 'cloudflare/cloudflared:2026.9.3';

/** Service of the connector. */
const CONNECTOR = 'cloudflared';
/** Of its environment. */
const TOKEN = 'TUNNEL_TOKEN';

/** A webhook of GitHub has at most 25 MB; our own answer to a larger one says more than nginx's. */
const ADMIN_MAX_BODY = '26m';
/** Logs and events are streams, on which nothing may happen for a while. */
const ADMIN_TIMEOUT_MS = 3_600_000;

export interface OwnOptions {
  /** Absent: the admin is not served under a hostname. */
  readonly adminHost?: string;
  /** Where the admin listens. */
  readonly adminPort: number;
  /** Absent: someone else runs the connector, or there is no tunnel. */
  readonly connector?: Pick<Edge, 'connectorToken'>;
  readonly hash: KeyedHash;
  readonly fingerprint: Fingerprint;
}

/** The same with the controller's own; asks for the connector's token, which never waits. */
export function withOwn(desired: Desired, options: OwnOptions): Desired {
  const { adminHost, adminPort, connector } = options;
  const deployments = connector ? [connectorOf(connector.connectorToken(), options)] : [];
  return {
    ...desired,
    deployments: [...desired.deployments, ...deployments],
    // An entry of such a name is wrong, but it is ours that stands behind the name.
    stalled: new Set([...desired.stalled].filter((name) => !isOwnName(name))),
    ...(adminHost !== undefined && { ownVhosts: [adminVhost(adminHost, adminPort)] }),
  };
}

type Hashes = Pick<OwnOptions, 'hash' | 'fingerprint'>;

function adminVhost(hostname: string, port: number): VhostWant {
  return {
    key: OWN.admin,
    deployment: OWN.admin,
    hostnames: [hostname],
    routes: [{ prefix: '/', service: 'admin', strip: false }],
    backends: [{ service: 'admin', instances: [{ key: 'admin', port }] }],
    pinned: [],
    suspended: false,
    headers: {},
    maxBody: ADMIN_MAX_BODY,
    timeoutMs: ADMIN_TIMEOUT_MS,
    why: 'leads to the admin',
  };
}

function connectorOf(token: ConnectorToken, hashes: Hashes): DesiredDeployment {
  const service = connectorService(token, hashes);
  return {
    name: OWN.tunnel,
    hostnames: [],
    routes: [],
    services: [service],
    volumes: [],
    suspend: false,
    headers: {},
    maxBody: ADMIN_MAX_BODY,
    fingerprint: hashes.hash([service.version?.hash, token.state]),
  };
}

/** While its token is not known nobody can say which version is wanted, so what runs stays. */
function connectorService(token: ConnectorToken, hashes: Hashes): DesiredService {
  return {
    name: CONNECTOR,
    replicas: 1,
    // Two connectors of one tunnel share its visitors, so the new one may stand beside the old.
    strategy: 'rolling',
    needs: [],
    routed: false,
    onHost: true,
    ...(token.state === 'known' && { version: versionOf(token.token, hashes) }),
    ...(token.state === 'pending' && { unknown: { why: "asks for the tunnel's token", failed: false } }),
    ...(token.state === 'failed' && { unknown: { why: messageOf(token.error), failed: true } }),
  };
}

function versionOf(token: string, { hash, fingerprint }: Hashes): NonNullable<DesiredService['version']> {
  const image = CONNECTOR_IMAGE;
  const place = { deployment: OWN.tunnel, service: CONNECTOR, name: TOKEN };
  const mark = fingerprint(place, token);
  const plain: Omit<InstanceSpec, 'env'> = {
    image,
    command: ['tunnel', '--no-autoupdate', 'run'],
    health: { path: '/ready', intervalMs: 1000, timeoutMs: 60_000 },
    routed: false,
    volumes: {},
    memoryBytes: 512 * 2 ** 20,
    pids: 512,
    addressAs: 'TUNNEL_METRICS',
  };
  return {
    image: { key: image, deployment: OWN.tunnel, service: CONNECTOR, from: { kind: 'pull' } },
    hash: hash([plain, mark]),
    spec: { ...plain, env: { [TOKEN]: secretOf(mark, async () => token) } },
  };
}
