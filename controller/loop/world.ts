/** The real world: every client, made from the settings and wired to what pokes the loop. */
import { join } from 'node:path';
import { type Approvals, createApprovals } from '../clients/approvals.ts';
import { writeCaBundle } from '../clients/git/ca.ts';
import { createSources } from '../clients/git/sources.ts';
import { gitCredentials, repoOn } from '../clients/github/host.ts';
import { keepIdentities, readIdentities } from '../clients/identities.ts';
import { keepKey, randomKey, readKey } from '../clients/keys.ts';
import { listeners } from '../clients/listeners.ts';
import type { ConfigRepo, Sources } from '../clients/types.ts';
import type { RolloutRules } from '../core/draft.ts';
import type { Step } from '../core/step.ts';
import { type Clients, createKinds } from '../kinds/index.ts';
import { createConfigRepo } from '../manifest/config/config-repo.ts';
import { initEmbedded } from '../manifest/config/embedded.ts';
import { exampleFiles } from '../manifest/config/example.ts';
import { createKeyedHash } from '../manifest/keyed-hash.ts';
import { createManifestReader } from '../manifest/parse-async.ts';
import { createFingerprint } from '../manifest/sealed/fingerprint.ts';
import { createSecrets } from '../manifest/sealed/secrets.ts';
import { configTokenOf } from '../settings/config-token.ts';
import { manifestRules } from '../settings/rules.ts';
import type { Settings } from '../settings.ts';
import { type Backoff, createBackoff } from './backoff.ts';
import { type CheckRepo, createRepoCheck } from './check-repo.ts';
import { type ClientOptions, createClients } from './clients.ts';
import { createDesiredReader } from './desired.ts';
import { createGitHubSide, type GitHubSide } from './github.ts';
import { rememberHead } from './head-seen.ts';
import { createLastGood } from './last-good.ts';
import { type OwnOptions, withOwn } from './own.ts';
import type { World } from './reconcile.ts';
import { beingDeleted } from './record.ts';
import { fingerprints } from './runner.ts';

export interface WorldOptions extends Omit<ClientOptions, 'config' | 'sources'> {
  readonly dryRun: boolean;
  /** Where repos are cached; default the data dir. A dry run beside a running controller has a folder of its own. */
  readonly cacheDir?: string;
}

export interface RealWorld {
  readonly world: World;
  readonly clients: Clients;
  readonly sources: Sources;
  readonly config: ConfigRepo;
  readonly backoff: Backoff;
  readonly approvals: Approvals;
  /** Absent without a token. */
  readonly github?: GitHubSide;
  /** For a repo that somebody is about to name. */
  readonly checkRepo: CheckRepo;
  /** Ends what is under way in the background; containers and nginx go on. */
  close(): Promise<void>;
}

/** Makes the world; it touches nothing but keys and, where there is none yet, the embedded config repo. */
export async function createWorld(settings: Settings, options: WorldOptions): Promise<RealWorld> {
  const { step, poke, dryRun, log } = options;
  for (const secret of secretsOf(settings)) log.redact(secret);
  const cacheDir = options.cacheDir ?? settings.dataDir;
  const config = await configRepoOf(settings, cacheDir, options);
  const secret = Buffer.from(await hashKey(join(settings.dataDir, 'keys', 'hash'), options), 'hex');
  if (!dryRun) await keepIdentities(settings, step);
  const ca = await caOf(settings, cacheDir, step);
  const sources = createSources({
    ...{ ...ca, step, gitAllow: settings.gitAllow, credentials: gitCredentials(settings.github) },
    dir: join(cacheDir, 'sources'),
    onChange: () => poke('source'),
  });
  const clients = createClients(settings, { ...options, config, sources });
  const approvals = createApprovals(join(settings.dataDir, 'approved'), step);
  const backoff = createBackoff(() => performance.now());
  const lastGood = createLastGood(join(settings.dataDir, 'last-good.json'), step);
  const repo = rememberHead(config);
  const read = createManifestReader();
  const rules = manifestRules(settings);
  const hashes = { hash: createKeyedHash(secret), fingerprint: createFingerprint(secret) };
  const identities = () => readIdentities(settings);
  const readDesired = createDesiredReader({
    ...{ repo, sources, read, rules, hash: hashes.hash },
    secrets: createSecrets({ identities, fingerprint: hashes.fingerprint, mask: log.mask }),
    lastGood: dryRun ? { ...lastGood, keep: async () => {} } : lastGood,
  });
  const own = ownOf(settings, hashes, clients);
  const world: World = {
    kinds: createKinds(clients),
    dryRun,
    desired: async (signal) => {
      const desired = await readDesired(signal);
      return 'commit' in desired ? withOwn(desired, own) : desired;
    },
    rules: () => rolloutRules(settings),
    limits: async (desired) => ({
      maxDeletions: settings.maxDeletions,
      released: new Set([...(await approvals.read()), ...beingDeleted(options.store.state)]),
      backoff: backoff.waits(fingerprints({ desired })),
    }),
  };
  const kept = settings.github.token !== undefined && !dryRun ? await lastGood.read() : undefined;
  const former = kept && (await read(kept.blob, kept.bytes, rules)).manifest?.deployments;
  const github = createGitHubSide(settings, {
    ...{ step, log, mask: log.mask.text, head: () => repo.seen, errors: backoff.errors },
    ...(kept && { former: { commit: kept.commit, deployments: former ?? [] } }),
  });
  const { apiUrl } = settings.github;
  const checkRepo = createRepoCheck({
    ...{ ...ca, sources, gitAllow: settings.gitAllow, apiUrl },
    repoOf: (address) => repoOn(apiUrl, address),
    ...(github && { github: github.client }),
  });
  const close = async (): Promise<void> => {
    clients.prober.close();
    clients.edge?.close();
    await Promise.all([clients.builder.close(), clients.archiver.close(), sources.close(), github?.end()]);
  };
  return { world, clients, sources, config, backoff, approvals, checkRepo, ...(github && { github }), close };
}

function secretsOf({ github, cloudflare, ...settings }: Settings): readonly string[] {
  const { configToken, jwtSecret, adminPasswordHash } = settings;
  const tokens = [github.webhookSecret, github.token, cloudflare?.token];
  return [configToken, jwtSecret, adminPasswordHash, ...tokens].filter((one) => one !== undefined);
}

async function configRepoOf(
  settings: Settings,
  dataDir: string,
  { step, dryRun }: WorldOptions,
): Promise<ConfigRepo> {
  const { configRepo: location, configBranch: branch, configFile: file } = settings;
  if (settings.embedded && !dryRun) await initEmbedded(location, await exampleFiles(), step);
  const token = configTokenOf(settings);
  return createConfigRepo({ location, branch, file, step, dataDir, ...(token !== undefined && { token }) });
}

/** What git is to trust beside the system's own certificates. */
async function caOf(settings: Settings, cacheDir: string, step: Step): Promise<{ readonly caFile?: string }> {
  if (settings.caFile === undefined) return {};
  const caFile = join(cacheDir, 'ca.pem');
  await writeCaBundle(settings.caFile, caFile, step);
  return { caFile };
}

function ownOf(
  { listen, adminHost, cloudflare }: Settings,
  hashes: Pick<OwnOptions, 'hash' | 'fingerprint'>,
  { edge }: Clients,
): OwnOptions {
  return {
    ...hashes,
    adminPort: listen.port,
    ...(adminHost !== undefined && { adminHost }),
    ...(cloudflare?.connector === 'container' && edge && { connector: edge }),
  };
}

async function rolloutRules({ ports, drainMs, keepImages }: Settings): Promise<RolloutRules> {
  const workerShutdownMs = Math.max(drainMs, WORKER_SHUTDOWN_MS);
  return { ports, ...(await heldPorts()), drainMs, workerShutdownMs, keepImages };
}

async function heldPorts(): Promise<Pick<RolloutRules, 'busyPorts' | 'nginxPorts'>> {
  const { own, others } = await listeners('nginx');
  return { busyPorts: others, nginxPorts: own };
}

/** Without a key nothing was made yet, so a dry run may take any. */
async function hashKey(file: string, { step, dryRun }: WorldOptions): Promise<string> {
  return dryRun ? ((await readKey(file)) ?? randomKey()) : keepKey(file, step, randomKey);
}

/** The least that nginx's workers get to finish after a reload. */
const WORKER_SHUTDOWN_MS = 10_000;
