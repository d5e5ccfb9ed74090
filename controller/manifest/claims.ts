/**
 * What only one deployment may have. Everyone who claims it stalls, so that neither wins by its place in the file and
 * whichever runs already stays. Names count as well: `a` with service `b-c` and `a-b` with service `c` would share
 * the key of an instance, or a volume.
 */

import type { ReadDeployment } from './deployment.ts';
import type { Path } from './findings.ts';

export interface Clash {
  readonly deployment: string;
  readonly path: Path;
  readonly message: string;
}

/** Thousands of entries may claim one name; a message lists a few. */
const SHOWN_RIVALS = 3;

interface Claim {
  readonly deployment: string;
  readonly path: Path;
  readonly what: string;
  readonly fix: string;
}

/** Every claim that is made by more than one deployment, or a port by two services, once for each that makes it. */
export function findClashes(deployments: readonly ReadDeployment[]): readonly Clash[] {
  const claims = new Map<string, Claim[]>();
  for (const claim of deployments.flatMap(claimsOf)) {
    const same = claims.get(claim.what);
    if (same) same.push(claim);
    else claims.set(claim.what, [claim]);
  }
  return [...claims.values()].filter((same) => same.length > 1).flatMap(toClashes);
}

function toClashes(same: readonly Claim[]): readonly Clash[] {
  const names = [...new Set(same.map(({ deployment }) => deployment))];
  return same.map(({ deployment, path, what, fix }) => {
    const others = names
      .slice(0, SHOWN_RIVALS + 1)
      .filter((name) => name !== deployment || names.length === 1);
    const rivals = others.slice(0, SHOWN_RIVALS).map((name) => `deployments/${name}`);
    const more = names.length - 1 - rivals.length;
    const who = rivals.join(', ') + (more > 0 ? ` and ${more} more` : '');
    return { deployment, path, message: `${what} is claimed by ${who} too; ${fix}` };
  });
}

function claimsOf({ entry, hostnames, at }: ReadDeployment): readonly Claim[] {
  const deployment = entry.name;
  const byName = hostnames.map(({ hostname, path }) => ({
    deployment,
    path,
    what: hostname,
    fix: 'give one of them another `subdomain`',
  }));
  const byService = entry.services.flatMap(({ name, port }) => {
    const path = at.get(name) ?? [];
    const key = { deployment, path, what: `the name ${deployment}-${name}`, fix: 'rename one of them' };
    const pin = {
      deployment,
      path: [...path, 'port'],
      what: `port ${port}`,
      fix: 'give one of them another `port`',
    };
    return port === undefined ? [key] : [key, pin];
  });
  const volumes = new Set(entry.services.flatMap((service) => Object.keys(service.volumes)));
  const byVolume = [...volumes].map((volume) => ({
    deployment,
    path: [],
    what: `the volume name ${deployment}-${volume}`,
    fix: 'rename one of them',
  }));
  return [...byName, ...byService, ...byVolume];
}
