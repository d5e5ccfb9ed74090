/** A link of the way of a visitor, and how a kind's part of the plan tells about it. */
import type { Action } from '../core/types.ts';
import type { Report } from './reconcile.ts';

export type LinkName =
  | 'dns record'
  | 'tunnel route'
  | 'connector'
  | 'vhost'
  | 'port'
  | 'container'
  | 'health'
  | 'answer';

export interface Link {
  readonly link: LinkName;
  /** Prefix that it is for, where a hostname has several. */
  readonly route?: string;
  readonly ok: boolean;
  /** False: an earlier link is broken, so it was not looked at, and `ok` is false. */
  readonly reached?: false;
  readonly found: string;
  /** Of a broken one: what to do. */
  readonly mend?: string;
}

/** What a kind's look at a link gives. */
export type Told = Omit<Link, 'link' | 'route' | 'reached'>;

/** What a controller does by itself, as soon as one runs. */
export const BY_ITSELF = 'a controller that runs mends it (`berth start`)';

/** Why the things of a kind could not be seen; undefined where they could. */
export function unseen({ observed }: Report, kind: string): Told | undefined {
  const seen = observed[kind];
  if (seen === undefined || !('uncertain' in seen)) return undefined;
  return {
    ok: false,
    found: `can't be told: ${seen.uncertain}`,
    mend: '`berth doctor` says what is wrong there',
  };
}

/** What the plan is to make or change of a kind under this key; undefined when it is as it should be. */
export function plannedFor({ plan }: Report, kind: string, key: string): Told | undefined {
  const action = plan?.actions.find((one) => one.kind === kind && one.key === key && one.verb !== 'delete');
  if (!action) return undefined;
  const found = action.verb === 'create' ? 'is missing' : action.why;
  return { ok: false, found, mend: mendOf(action) };
}

/** Why nothing is planned for a deployment although something is missing: what would be done to it is held back. */
export function missing({ plan }: Report, deployment: string): Told {
  const frozen = plan?.wanted.frozen.get(deployment);
  return { ok: false, found: 'is missing', mend: frozen ?? BY_ITSELF };
}

function mendOf({ wait }: Action): string {
  if (!wait) return BY_ITSELF;
  return wait.forPerson ? wait.why : `wait: ${wait.why}`;
}
