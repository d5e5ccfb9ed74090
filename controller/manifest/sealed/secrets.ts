/**
 * Sealed values of a file → secrets. Each text is opened once to know that it can be, and what its fingerprint is; the
 * value itself goes to the mask and nowhere else. It is opened again for the container that gets it.
 */
import { messageOf } from '../../core/errors.ts';
import type { Mask } from '../../core/mask.ts';
import { secretOf } from '../../core/secret.ts';
import type { Problem, Secret } from '../../core/types.ts';
import type { DeploymentEntry, Manifest, OpenedDeployment, Sealed, ServiceEntry } from '../types.ts';
import type { Fingerprint } from './fingerprint.ts';
import { openSealed, readSealed } from './open.ts';
import type { SealedPlace } from './payload.ts';
import { placeKey } from './where.ts';

export interface SecretsOptions {
  /** All there are now; what it throws is told of every sealed value. */
  readonly identities: () => Promise<readonly string[]>;
  readonly fingerprint: Fingerprint;
  readonly mask: Pick<Mask, 'add'>;
}

export interface Opened {
  /** Those of which every value could be opened. */
  readonly deployments: readonly OpenedDeployment[];
  /** One for each value that could not. */
  readonly problems: readonly Problem[];
}

export type OpenSecrets = (manifest: Pick<Manifest, 'deployments' | 'sealedAt'>) => Promise<Opened>;

type Known = Secret | { readonly fault: string };

/** Remembers what the last file held, and no more; all of it is looked at anew when the keys are others. */
export function createSecrets(options: SecretsOptions): OpenSecrets {
  let known: ReadonlyMap<string, Known> = new Map();
  let keys = '';
  return async ({ deployments, sealedAt }) => {
    const sealed = deployments.flatMap(sealedOf);
    const identities = sealed.length > 0 ? await keysOrFault(options) : [];
    if (keys !== String(identities)) known = new Map();
    keys = String(identities);
    const now = new Map<string, Known>();
    const problems: Problem[] = [];
    for (const { place, text } of sealed) {
      const id = `${placeKey(place)} ${text}`;
      const found = known.get(id) ?? (await look(place, text, { ...options, keys: identities }));
      now.set(id, found);
      if (!('fault' in found)) continue;
      const where = sealedAt.get(placeKey(place)) ?? placeKey(place);
      problems.push({ deployment: place.deployment, message: `${where}: ${found.fault}` });
    }
    known = now;
    const stalled = new Set(problems.map(({ deployment }) => deployment));
    const right = deployments.filter(({ name }) => !stalled.has(name));
    return { deployments: right.map((entry) => withSecrets(entry, now)), problems };
  };
}

interface SealedValue {
  readonly place: SealedPlace;
  readonly text: string;
}

function sealedOf({ name: deployment, services }: DeploymentEntry): readonly SealedValue[] {
  return services.flatMap(({ name: service, env }) =>
    Object.entries(env).flatMap(([name, value]) =>
      typeof value === 'string' ? [] : [{ place: { deployment, service, name }, text: value.sealed }],
    ),
  );
}

/** The identities, or the sentence that says why there are none. */
async function keysOrFault({ identities }: SecretsOptions): Promise<readonly string[] | string> {
  try {
    return await identities();
  } catch (error) {
    return messageOf(error);
  }
}

async function look(
  place: SealedPlace,
  text: string,
  options: SecretsOptions & { readonly keys: readonly string[] | string },
): Promise<Known> {
  const { keys, identities, fingerprint, mask } = options;
  if (typeof keys === 'string') return { fault: `can't be opened: ${keys}` };
  const read = await readSealed(text, place, keys);
  if ('fault' in read) return read;
  mask.add(read.value);
  return secretOf(fingerprint(place, read.value), async () => openSealed(text, place, await identities()));
}

function withSecrets(entry: DeploymentEntry, known: ReadonlyMap<string, Known>): OpenedDeployment {
  const opened = (service: ServiceEntry, name: string, value: string | Sealed): string | Secret => {
    if (typeof value === 'string') return value;
    const found = known.get(
      `${placeKey({ deployment: entry.name, service: service.name, name })} ${value.sealed}`,
    );
    if (found === undefined || 'fault' in found) throw new Error(`${name} of ${entry.name} was not opened`);
    return found;
  };
  return {
    ...entry,
    services: entry.services.map((service) => ({
      ...service,
      env: Object.fromEntries(
        Object.entries(service.env).map(([name, value]) => [name, opened(service, name, value)]),
      ),
    })),
  };
}
