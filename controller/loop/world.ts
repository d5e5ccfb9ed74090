/** The real world: every client, made from the settings and wired to what pokes the loop. */
import { join } from 'node:path';
import { createBuilder } from '../build/queue.ts';
import { type Approvals, createApprovals } from '../clients/approvals.ts';
import { createArchiver } from '../clients/archiver.ts';
import { createEdge } from '../clients/cloudflare/edge.ts';
import { createDockerEngine } from '../clients/engine/docker.ts';
import { maskEngine } from '../clients/engine/masked.ts';
import { writeCaBundle } from '../clients/git/ca.ts';
import { createSources } from '../clients/git/sources.ts';
import { gitCredentials, repoOn } from '../clients/github/host.ts';
import { keepIdentities, readIdentities } from '../clients/identities.ts';
import { keepKey, randomKey, readKey } from '../clients/keys.ts';
import { listeners } from '../clients/listeners.ts';
import { createLogFiles } from '../clients/log-files.ts';
import { createNginx } from '../clients/nginx/nginx.ts';
import { createProber } from '../clients/prober.ts';
import type { ConfigRepo, Sources, Store } from '../clients/types.ts';
import type { RolloutRules } from '../core/draft.ts';
import { messageOf } from '../core/errors.ts';
import type { Step } from '../core/step.ts';
import { type Clients, createKinds } from '../kinds/index.ts';
import type { RedactingLog } from '../log.ts';
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
import { createDesiredReader } from './desired.ts';
import { createGitHubSide, type GitHubSide } from './github.ts';
import { rememberHead } from './head-seen.ts';
import { createLastGood, type GoodFile } from './last-good.ts';
import { type OwnOptions, withOwn } from './own.ts';
import type { World } from './reconcile.ts';
import { beingDeleted } from './record.ts';
import { fingerprints } from './runner.ts';

export interface WorldOptions {
  readonly store: Store;
  readonly step: Step;
  /** Its mask hides what is sealed in all that the world tells. */
  readonly log: RedactingLog;
  /** Something happened that a pass should look at. */
  readonly poke: (trigger: string) => void;
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
  const { step, poke, dryRun } = options;
  const at = (...parts: readonly string[]): string => join(settings.dataDir, ...parts);
  const cacheDir = options.cacheDir ?? settings.dataDir;
  const { configRepo: location, configBranch: branch, configFile: file } = settings;
  const credentials = gitCredentials(settings.github);
  const token = configTokenOf(settings);
  if (settings.embedded && !dryRun) await initEmbedded(location, await exampleFiles(), step);
  const config = await createConfigRepo({
    ...{ location, branch, file, step, dataDir: cacheDir },
    ...(token !== undefined && { token }),
  });
  const secret = Buffer.from(await hashKey(at('keys', 'hash'), options), 'hex');
  if (!dryRun) await keepIdentities(settings, step);
  const lastGood = createLastGood(at('last-good.json'), step);
  const caFile = join(cacheDir, 'ca.pem');
  if (settings.caFile !== undefined) await writeCaBundle(settings.caFile, caFile, step);
  const sources = createSources({
    ...(settings.caFile !== undefined && { caFile }),
    dir: join(cacheDir, 'sources'),
    step,
    gitAllow: settings.gitAllow,
    credentials,
    onChange: () => poke('source'),
  });
  const clients = createClients(settings, { ...options, config, sources });
  const approvals = createApprovals(at('approved'), step);
  const backoff = createBackoff(() => performance.now());
  const hash = createKeyedHash(secret);
  const fingerprint = createFingerprint(secret);
  const repo = rememberHead(config);
  const read = createManifestReader();
  const rules = manifestRules(settings);
  const readDesired = createDesiredReader({
    ...{ repo, sources, read, rules },
    secrets: createSecrets({
      identities: () => readIdentities(settings),
      fingerprint,
      mask: options.log.mask,
    }),
    hash,
    lastGood: dryRun ? { ...lastGood, keep: async () => {} } : lastGood,
  });
  const own: OwnOptions = {
    adminPort: settings.listen.port,
    hash,
    fingerprint,
    ...(settings.adminHost !== undefined && { adminHost: settings.adminHost }),
    ...(settings.cloudflare?.connector === 'container' && clients.edge && { connector: clients.edge }),
  };
  const world: World = {
    kinds: createKinds(clients),
    dryRun,
    desired: async (signal) => {
      const desired = await readDesired(signal);
      return 'commit' in desired ? withOwn(desired, own) : desired;
    },
    rules: async () => ({
      ports: settings.ports,
      ...(await heldPorts()),
      drainMs: settings.drainMs,
      workerShutdownMs: Math.max(settings.drainMs, WORKER_SHUTDOWN_MS),
      keepImages: settings.keepImages,
    }),
    limits: async (desired) => ({
      maxDeletions: settings.maxDeletions,
      released: new Set([...(await approvals.read()), ...beingDeleted(options.store.state)]),
      backoff: backoff.waits(fingerprints({ desired })),
    }),
  };
  const kept = settings.github.token !== undefined && !dryRun ? await lastGood.read() : undefined;
  const entriesOf = async ({ blob, bytes }: GoodFile) =>
    (await read(blob, bytes, rules)).manifest?.deployments ?? [];
  const github = createGitHubSide(settings, {
    ...{ step, log: options.log, mask: options.log.mask.text, head: () => repo.seen, errors: backoff.errors },
    ...(kept && { former: { commit: kept.commit, deployments: await entriesOf(kept) } }),
  });
  const { apiUrl } = settings.github;
  const checkRepo = createRepoCheck({
    ...{ sources, gitAllow: settings.gitAllow, apiUrl, repoOf: (address) => repoOn(apiUrl, address) },
    ...(settings.caFile !== undefined && { caFile }),
    ...(github && { github: github.client }),
  });
  const close = async (): Promise<void> => {
    clients.prober.close();
    clients.edge?.close();
    await Promise.all([clients.builder.close(), clients.archiver.close(), sources.close(), github?.end()]);
  };
  return { world, clients, sources, config, backoff, approvals, checkRepo, ...(github && { github }), close };
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

function createClients(
  settings: Settings,
  options: WorldOptions & { readonly config: ConfigRepo; readonly sources: Sources },
): Clients {
  const { store, step, log, poke, config, sources } = options;
  const { dataDir, owner, http, drainMs, nginx } = settings;
  const onError = (error: unknown): void => log.warn(messageOf(error));
  const { mask } = log;
  const docker = createDockerEngine({ dockerHost: settings.dockerHost, owner, step, onError });
  const engine = maskEngine(docker, mask);
  const builder = createBuilder({
    engine,
    open: (repo, commit, signal) => (repo === '.' ? config.open(commit) : sources.open(repo, commit, signal)),
    store,
    step,
    owner,
    logDir: join(dataDir, 'logs'),
    builds: settings.builds,
    mask,
    onChange: () => poke('build'),
    onError,
  });
  const place = { owner, http, drainMs, step, log: (message: string) => log.info(message) };
  return {
    engine,
    builder,
    archiver: createArchiver({
      engine,
      dir: join(dataDir, 'archive'),
      step,
      onChange: () => poke('archive'),
      onError,
    }),
    prober: createProber({ onChange: (key) => poke(`probe of ${key}`) }),
    nginx: createNginx(
      nginx.mode === 'managed'
        ? { ...place, mode: 'managed', dir: join(dataDir, 'nginx') }
        : { ...place, ...nginx },
    ),
    store,
    logFiles: createLogFiles(join(dataDir, 'logs'), step),
    step,
    now: () => new Date(),
    vhostText: { owner, http },
    ...edgeOf(settings, options),
  };
}

/** Without a token there is none, and no kind that needs one. */
function edgeOf(
  { cloudflare, owner, intervalMs }: Settings,
  { step, log, poke }: WorldOptions,
): Pick<Clients, 'edge' | 'tunnel'> {
  if (!cloudflare) return {};
  const edge = createEdge({
    ...cloudflare,
    ...{ owner, step, intervalMs, warn: log.warn },
    onSecret: log.redact,
    onChange: () => poke('cloudflare'),
  });
  return { edge, tunnel: cloudflare.tunnel };
}
