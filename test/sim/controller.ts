/** A controller's life in the small world: passes until it crashes or is replaced. */

import type { RolloutRules } from '../../controller/core/draft.ts';
import { TransientError } from '../../controller/core/errors.ts';
import { guard } from '../../controller/core/guard.ts';
import { makePlan } from '../../controller/core/plan.ts';
import type { Desired, Kind } from '../../controller/core/types.ts';
import { createKinds } from '../../controller/kinds/index.ts';
import { type Backoff, createBackoff } from '../../controller/loop/backoff.ts';
import { type Report, reconcile } from '../../controller/loop/reconcile.ts';
import { beingDeleted, record } from '../../controller/loop/record.ts';
import { fingerprints, restOf } from '../../controller/loop/runner.ts';
import { connect } from './clients.ts';
import { LostAnswer } from './edge.ts';
import { answers, isUp, ledTo, ledToBefore, type Outside } from './world.ts';

export class Crash extends Error {}

export interface Faults {
  /** Dies at this effect (counted from 0 in this life), before or after it took place. */
  readonly crashAt?: { readonly effect: number; readonly when: 'before' | 'after' };
  /** These effects fail, with nothing done. */
  readonly failAt?: ReadonlySet<number>;
  /** Of those of these effects that go to Cloudflare, the answer is lost. */
  readonly loseAt?: ReadonlySet<number>;
}

export interface Controller {
  pass(
    desired: Desired,
    options?: { readonly unsure?: string; readonly approved?: readonly string[] },
  ): Promise<Report>;
  readonly effects: readonly string[];
  readonly violations: readonly string[];
  readonly crashed: boolean;
}

export const DRAIN_MS = 4000;
export const KEEP_IMAGES = 2;
/** Two at once are held until someone approves. */
export const MAX_DELETIONS = 1;

export function rulesIn(outside: Outside): RolloutRules {
  const published = [...outside.containers.values()].filter(isUp);
  return {
    ports: outside.ports,
    busyPorts: new Set([...outside.foreignPorts, ...published.map(({ row }) => row.port ?? 0)]),
    nginxPorts: outside.nginxPorts,
    drainMs: DRAIN_MS,
    workerShutdownMs: 10_000,
    keepImages: KEEP_IMAGES,
  };
}

export function startController(outside: Outside, faults: Faults = {}): Controller {
  const effects: string[] = [];
  const violations: string[] = [];
  let crashed = false;
  let present: ReadonlySet<string> = new Set();
  /** Those that stop an old instance before there is a new one, are suspended, or are on no route any more. */
  let hasty: ReadonlySet<string> = new Set();

  const step = async <T>(label: string, effect: () => Promise<T>): Promise<T> => {
    if (crashed) throw new Crash();
    const index = effects.push(label) - 1;
    const crash = faults.crashAt?.effect === index ? faults.crashAt.when : undefined;
    if (crash === 'before') crashed = true;
    if (crashed) throw new Crash();
    if (faults.failAt?.has(index)) throw new TransientError(`effect ${index} failed`);
    const result = await effect();
    if (crash === 'after') crashed = true;
    if (crashed) throw new Crash();
    if (faults.loseAt?.has(index) && label.startsWith('edge.')) throw new LostAnswer('no answer came');
    return result;
  };

  const onTakeDown = (key: string): void => {
    const found = outside.containers.get(key);
    if (found?.row.state !== 'running') return;
    const { deployment, service } = found.row;
    if (deployment === '') violations.push(`took down the foreign ${key}`);
    if (!present.has(deployment) || !answers(outside, found)) return;
    if ((ledTo(outside, deployment)[service] ?? []).includes(key))
      violations.push(`took down ${key} while nginx leads to it`);
    if (!hasty.has(deployment) && ledToBefore(outside, deployment, service).includes(key))
      violations.push(`took down ${key} while an older worker of nginx still sends to it`);
  };

  const clients = connect(outside, step, onTakeDown);
  const kinds = createKinds(clients);
  const backoff: Backoff = createBackoff(() => outside.nowMs);

  return {
    effects,
    violations,
    get crashed() {
      return crashed;
    },
    async pass(desired, { unsure, approved = [] } = {}) {
      present = new Set([...desired.deployments.map(({ name }) => name), ...desired.stalled]);
      const stopsFirst = desired.deployments.filter(
        ({ suspend, routes, services }) =>
          suspend || routes.length === 0 || services.some((one) => one.routed && one.strategy === 'recreate'),
      );
      hasty = new Set(stopsFirst.map(({ name }) => name));
      const report = await reconcile(
        {
          kinds: kinds.map((kind) => (kind.name === unsure ? blind(kind) : kind)),
          dryRun: false,
          desired: async () => desired,
          rules: async () => rulesIn(outside),
          limits: async () => ({
            maxDeletions: MAX_DELETIONS,
            released: new Set([...approved, ...beingDeleted(clients.store.state)]),
            backoff: backoff.waits(fingerprints({ desired })),
          }),
        },
        new AbortController().signal,
      );
      backoff.note(report.outcomes, fingerprints(report));
      backoff.settle(restOf(report));
      if (!crashed)
        await record(report, 'test', {
          ...{ store: clients.store, step, now: clients.now },
          approvals: { expire: async () => {} },
        }).catch(() => []);
      return report;
    },
  };
}

function blind(kind: Kind): Kind {
  return { ...kind, observe: () => Promise.reject(new TransientError(`the ${kind.name}s are out of sight`)) };
}

/** What a pass would do, without doing it. */
export async function planOf(outside: Outside, desired: Desired): Promise<ReturnType<typeof guard>> {
  const clients = connect(
    outside,
    async () => Promise.reject(new Crash()),
    () => {},
  );
  const kinds = createKinds(clients);
  const seen = await Promise.all(
    kinds.map(async (kind) => [kind.name, await kind.observe(new AbortController().signal)]),
  );
  const plan = makePlan(kinds, desired, Object.fromEntries(seen), rulesIn(outside));
  return guard(plan, desired.commit, {
    maxDeletions: MAX_DELETIONS,
    released: new Set(),
    backoff: new Map(),
  });
}
