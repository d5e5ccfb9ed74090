/** The clients, made from the settings and wired to what pokes the loop. */
import { join } from 'node:path';
import { createBuilder } from '../build/queue.ts';
import { createArchiver } from '../clients/archiver.ts';
import { createEdge } from '../clients/cloudflare/edge.ts';
import { createDockerEngine } from '../clients/engine/docker.ts';
import { maskEngine } from '../clients/engine/masked.ts';
import { createLogFiles } from '../clients/log-files.ts';
import { createNginx } from '../clients/nginx/nginx.ts';
import { createProber } from '../clients/prober.ts';
import type { ConfigRepo, Sources, Store } from '../clients/types.ts';
import { messageOf } from '../core/errors.ts';
import type { Step } from '../core/step.ts';
import type { Clients } from '../kinds/index.ts';
import type { RedactingLog } from '../log.ts';
import type { Settings } from '../settings.ts';

export interface ClientOptions {
  readonly store: Store;
  readonly step: Step;
  /** Its mask hides what is sealed in all that the world tells. */
  readonly log: RedactingLog;
  /** Something happened that a pass should look at. */
  readonly poke: (trigger: string) => void;
  readonly config: Pick<ConfigRepo, 'open'>;
  readonly sources: Pick<Sources, 'open'>;
}

/** Touches nothing yet. */
export function createClients(settings: Settings, options: ClientOptions): Clients {
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
  { step, log, poke }: ClientOptions,
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
