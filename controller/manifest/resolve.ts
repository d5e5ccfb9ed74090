/** Entry of the file + heads of its sources → the deployment that is desired, with image keys and spec hashes. */
import { normaliseReference } from '../clients/engine/reference.ts';
import type { SourceHead } from '../clients/types.ts';
import type { DesiredDeployment, DesiredService, ImageWant, InstanceSpec } from '../core/types.ts';
import type { KeyedHash } from './keyed-hash.ts';
import type { OpenedDeployment, OpenedService } from './types.ts';

/** What is known of a service's source now; `.` is the config repo at the commit in force. */
export type HeadOf = (service: OpenedService) => SourceHead;

/** Resolves one entry. A secret counts by its fingerprint, so the same value sealed anew changes nothing. */
export function resolveDeployment(
  entry: OpenedDeployment,
  headOf: HeadOf,
  hash: KeyedHash,
): DesiredDeployment {
  const services = entry.services.map((service) =>
    resolveService(entry.name, service, headOf(service), hash),
  );
  const { name, hostnames, routes, suspend, headers, maxBody, timeoutMs } = entry;
  const volumes = [...new Set(entry.services.flatMap((service) => Object.keys(service.volumes)))].sort();
  const versions = services.map(({ version, unknown }) => [version?.hash, version?.image.key, unknown?.why]);
  return {
    name,
    hostnames,
    routes,
    services,
    volumes,
    suspend,
    headers,
    maxBody,
    ...(timeoutMs !== undefined && { timeoutMs }),
    fingerprint: hash([{ ...entry, services: entry.services.map(told) }, versions]),
  };
}

function resolveService(
  deployment: string,
  service: OpenedService,
  head: SourceHead,
  hash: KeyedHash,
): DesiredService {
  const { name, replicas, strategy, needs, routed, port } = service;
  const known = head.state === 'known' ? head : head.state === 'failed' ? head.last : undefined;
  const image = known && imageOf(deployment, service, known, hash);
  const version = image && versionOf(deployment, service, image, hash);
  const unknown =
    head.state === 'failed'
      ? { why: head.error.message, failed: true }
      : head.state === 'pending'
        ? { why: `looks at ${sourceName(service)}`, failed: false }
        : undefined;
  return {
    name,
    replicas,
    strategy,
    needs,
    routed,
    ...(version && { version }),
    ...(unknown && { unknown }),
    ...(port !== undefined && { pinnedPort: port }),
  };
}

function sourceName({ source }: OpenedService): string {
  if (source.kind === 'image') return source.image;
  return source.repo === '.' ? 'the config repo' : source.repo;
}

function imageOf(
  deployment: string,
  { name, source, path, build }: OpenedService,
  head: { readonly commit: string; readonly tree: string },
  hash: KeyedHash,
): ImageWant {
  if (source.kind === 'image')
    return { key: normaliseReference(source.image), deployment, service: name, from: { kind: 'pull' } };
  const tag = `${head.tree.slice(0, 12)}-${hash(build)}`;
  return {
    key: `berth/${deployment}-${name}:${tag}`,
    deployment,
    service: name,
    from: { kind: 'build', repo: source.repo, commit: head.commit, path, build },
  };
}

function versionOf(
  deployment: string,
  service: OpenedService,
  image: ImageWant,
  hash: KeyedHash,
): NonNullable<DesiredService['version']> {
  const { start, listen, env, health, routed, memoryBytes, cpus, pids, volumes, port } = service;
  const spec: InstanceSpec = {
    image: image.key,
    env,
    health,
    routed,
    volumes: Object.fromEntries(
      Object.entries(volumes).map(([name, path]) => [`berth-${deployment}-${name}`, path]),
    ),
    memoryBytes,
    pids,
    ...(start !== undefined && { command: typeof start === 'string' ? ['sh', '-c', start] : start }),
    ...(listen !== undefined && { listen }),
    ...(cpus !== undefined && { cpus }),
  };
  return { image, spec, hash: hash([told(spec), routed ? undefined : port]) };
}

/** What has an environment, as it may be hashed. */
function told<T extends Pick<InstanceSpec, 'env'>>(
  from: T,
): Omit<T, 'env'> & { readonly env: Readonly<Record<string, unknown>> } {
  const pairs = Object.entries(from.env).map(
    ([name, value]) => [name, typeof value === 'string' ? value : { secret: value.fingerprint }] as const,
  );
  return { ...from, env: Object.fromEntries(pairs) };
}
