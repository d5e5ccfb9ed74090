/**
 * The rollout of one service, as a pure table (DESIGN §7): which instances have to exist, which stay, which go, and
 * where visitors are led. `W` below is the version that the file asks for, the others are "older".
 *
 * Recreate differs from DESIGN in one point: the older version is stopped but kept until W answers, so that a W that
 * never does is taken back by starting the older one again.
 */
import { nginxDrain } from './drain.ts';
import { instanceKeys, type Look, lookAt, type ServiceView } from './service-view.ts';
import { isBad, isDown, pickServing } from './serving.ts';
import type { InstanceHave, Leaving, Standing, Verdict, Wait } from './types.ts';

export interface ServiceDecision {
  /** Instances of W that have to exist and run. */
  readonly wants: readonly { readonly key: string; readonly why: string; readonly wait?: Wait }[];
  readonly standing: readonly (readonly [key: string, standing: Standing])[];
  readonly kept: readonly string[];
  readonly leaving: readonly (readonly [key: string, leaving: Leaving])[];
  readonly serve: readonly string[];
  readonly verdict: Verdict;
}

/** What this pass does about one service. */
export function decideService(view: ServiceView): ServiceDecision {
  if (view.deployment.suspend) return suspended(view);
  if (!view.service.version) return sourceUnknown(view);
  return withLastKnown(view, view.service.strategy === 'recreate' ? recreate(view) : rolling(view));
}

/** The last known version goes on while its source can't be looked at, but nobody should think that it is the newest. */
function withLastKnown({ service }: ServiceView, decision: ServiceDecision): ServiceDecision {
  const { verdict } = decision;
  if (!service.unknown?.failed || verdict.error !== undefined) return decision;
  return { ...decision, verdict: { ...verdict, error: service.unknown.why } };
}

function servedNow({ vhost, service }: ServiceView): readonly string[] | undefined {
  return vhost && (vhost.serves[service.name] ?? []);
}

/** Nginx may still run an older text than the one on the disk, so nobody can say that it does not lead here. */
function vhostInDoubt({ deployment, vhost }: ServiceView): boolean {
  const hasVhost = deployment.routes.length > 0 || deployment.services.some(({ routed }) => routed);
  return hasVhost && (vhost === undefined || vhost.liveForMs === 0);
}

function suspended(view: ServiceView): ServiceDecision {
  const led = Object.values(view.vhost?.serves ?? {}).some((keys) => keys.length > 0);
  const stillServed = led || vhostInDoubt(view);
  const keys = instanceKeys(view.deployment.name, view.service);
  const known = view.service.version !== undefined;
  const staying = view.instances.filter(({ key }) => !known || keys.includes(key));
  const going = view.instances.filter((instance) => !staying.includes(instance));
  const wait = stillServed ? { wait: { why: 'the vhost has to show the stopped page first' } } : {};
  const running = view.instances.some((instance) => !isDown(instance));
  return {
    wants: [],
    standing: staying.map(({ key, state }) => [
      key,
      { run: stillServed && state === 'running', why: 'its deployment is suspended' },
    ]),
    kept: [],
    leaving: going.map(({ key }) => [key, { why: 'an older version', ...wait }]),
    serve: [],
    verdict: { status: 'stopped', stage: running ? 'stopping' : 'stopped' },
  };
}

/** Nobody can say which version is wanted, so what is there stays, and what serves visitors is kept at it. */
function sourceUnknown(view: ServiceView): ServiceDecision {
  const unknown = view.service.unknown ?? { why: 'its source is not known yet', failed: false };
  const served = servedNow(view);
  const alive = view.instances.filter(({ gaveUp }) => gaveUp === undefined);
  // Which of several versions of an internal service is at work, nobody can say.
  const atWork = view.service.routed
    ? alive.filter(({ key }) => served?.includes(key))
    : alive.filter(({ hash }) => alive.every((other) => other.hash === hash));
  return {
    wants: [],
    standing: atWork.map(({ key }) => [key, { run: true, why: 'it serves until its source is known' }]),
    kept: view.instances.map(({ key }) => key),
    leaving: [],
    serve: pickServing({ keys: [], instances: view.instances, served }),
    verdict: unknown.failed
      ? { status: 'failed', stage: 'source', error: unknown.why }
      : { status: 'building', stage: unknown.why },
  };
}

function wantsOf(view: ServiceView, w: Look, blocked: Wait | undefined): ServiceDecision['wants'] {
  const known = view.instances.length > 0;
  return w.keys.flatMap((key) => {
    if (w.failures.has(key)) return [];
    const have = view.instances.find((instance) => instance.key === key);
    if (!have && view.image?.state === 'failed') return [];
    const why = known ? 'new version' : 'new service';
    const wait = have ? answerWait(have) : blocked;
    return [{ key, why, ...(wait && { wait }) }];
  });
}

/** Worth a look when its time is over; after that only its answer is, and the probe tells that. */
function answerWait({ ready, healthTimeoutMs, sinceMs }: InstanceHave): Wait | undefined {
  if (ready) return undefined;
  const left = healthTimeoutMs - sinceMs;
  return { why: 'waits until it answers', ...(left >= 0 && { ms: left + 1 }) };
}

function givenUp(w: Look): ServiceDecision['standing'] {
  return [...w.failures].map(([key, reason]) => [key, { run: false, why: reason, giveUp: reason }] as const);
}

function rolling(view: ServiceView): ServiceDecision {
  const w = lookAt(view);
  const served = servedNow(view);
  const live = view.instances.filter(({ key }) => !w.failures.has(key));
  const serve = view.service.routed ? pickServing({ keys: w.hopeful, instances: live, served }) : [];
  const standing = [...givenUp(w)];
  const leaving: [string, Leaving][] = [];
  for (const old of w.older) {
    const needed = serve.includes(old.key) || served?.includes(old.key) || isSpare(view, w, old, serve);
    if (needed && old.gaveUp === undefined)
      standing.push([old.key, { run: true, why: 'it serves until the new version answers' }]);
    else leaving.push([old.key, leave(view, w, old)]);
  }
  return { wants: wantsOf(view, w, w.blocked), standing, kept: [], leaving, serve, verdict: w.verdict };
}

/** An older instance that may still be needed because nothing of W answers. */
function isSpare(view: ServiceView, w: Look, old: InstanceHave, serve: readonly string[]): boolean {
  if (view.service.routed) return serve.length === 0 && old.proven;
  const replaced = view.instances.some(({ key, ready }) => ready && w.keys.includes(key));
  return !replaced && (old.proven || !isBad(old));
}

function leave(view: ServiceView, w: Look, old: InstanceHave): Leaving {
  const why = `replaced by ${w.keys[0] ?? 'nothing'}`;
  const wait = isBad(old) ? undefined : drainWait(view, w);
  return { why, ...(wait && { wait }) };
}

function drainWait(view: ServiceView, w: Look): Wait | undefined {
  if (view.service.routed) return nginxDrain(view);
  const ready = view.instances.filter((instance) => instance.ready && w.keys.includes(instance.key));
  const left = view.drainMs - Math.min(...ready.map(({ sinceMs }) => sinceMs));
  return left > 0 ? { why: 'drains', ms: left } : undefined;
}

function recreate(view: ServiceView): ServiceDecision {
  const w = lookAt(view);
  const served = servedNow(view);
  const mine = view.instances.filter(({ key }) => w.keys.includes(key));
  const failed = w.failures.size > 0;
  const begun = mine.length > 0 && !failed;
  const done = begun && mine.length === w.keys.length && mine.every(({ ready }) => ready);
  const mayBegin = begun || (!failed && w.blocked === undefined);
  const live = view.instances.filter(({ key }) => !w.failures.has(key));
  const older = w.older.filter(({ gaveUp }) => gaveUp === undefined);
  const inDoubt = view.service.routed && vhostInDoubt(view);
  const olderServed = older.length > 0 && (inDoubt || older.some(({ key }) => served?.includes(key)));
  const olderRuns = older.some((old) => !isDown(old));
  const mineRuns = mine.some((instance) => !isDown(instance));

  const answering = pickServing({ keys: w.hopeful, instances: live, served });
  const serve =
    !view.service.routed || (mayBegin && !done && olderServed && !begun)
      ? []
      : answering.filter((key) => !mayBegin || w.keys.includes(key));
  const runOlder = mayBegin ? olderServed && !begun : !mineRuns;
  // Both run when the strategy was rolling a moment ago: nginx lets go of the older one before it stops.
  const inUse = mayBegin && olderServed;
  const why = mayBegin ? 'stops so that the new version can start' : 'serves, since the new version can not';
  const first = !begun && olderRuns ? { why: 'the older version stops first' } : undefined;
  return {
    wants: wantsOf(view, w, w.blocked ?? first),
    standing: [
      ...givenUp(w),
      ...(done
        ? []
        : older.map((old) => [old.key, { run: runOlder || (inUse && !isDown(old)), why }] as const)),
    ],
    kept: [],
    leaving: (done ? w.older : w.older.filter((old) => !older.includes(old))).map(({ key }) => [
      key,
      { why: `replaced by ${w.keys[0] ?? 'nothing'}` },
    ]),
    serve,
    verdict: w.verdict,
  };
}
