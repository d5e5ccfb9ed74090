/**
 * Instances: containers that are never changed in place. A pass starts and stops them but waits for neither:
 * whether one is ready, or gone, is seen by a later pass.
 */
import type { Engine, InstanceRow } from '../clients/engine/types.ts';
import type { Prober, ProbeTarget, Store } from '../clients/types.ts';
import { removal } from '../core/diff.ts';
import { isDown } from '../core/serving.ts';
import type { Step } from '../core/step.ts';
import type { Action, InstanceHave, InstanceWant, Kind, Observed, Wait, Wanted } from '../core/types.ts';
import { applyEach, seenOf } from './each.ts';
import { createProofs, type Proofs } from './instance-proof.ts';
import { createTroubles, type Troubles } from './instance-trouble.ts';

export interface InstanceClients {
  readonly engine: Pick<Engine, 'instances' | 'inspect' | 'create' | 'start' | 'stop' | 'remove' | 'tail'>;
  readonly prober: Pick<Prober, 'track' | 'look'>;
  readonly store: Store;
  readonly step: Step;
  /** Wall clock. */
  readonly now: () => Date;
}

/** What to do with one container. */
export type InstanceStep =
  | { readonly do: 'create'; readonly want: InstanceWant }
  | { readonly do: 'start' }
  | { readonly do: 'stop'; readonly giveUp?: string }
  | { readonly do: 'remove' };

/** What one process remembers of containers from pass to pass; nothing that a restart may not lose. */
interface Memory {
  readonly troubles: Troubles;
  readonly proofs: Proofs;
}

/** Starting containers side by side pays up to four on two cores (measured: 345, 242, 218 ms each at 1, 2, 4). */
const WIDTH = 4;

/** The kind `instance`. */
export function instanceKind(clients: InstanceClients): Kind<InstanceHave, InstanceStep> {
  const troubles = createTroubles(clients.engine);
  const proofs = createProofs();
  return {
    name: 'instance',
    async observe() {
      const rows = await clients.engine.instances();
      clients.prober.track(rows.filter(({ state }) => state === 'running').map(targetOf));
      troubles.keep(rows);
      proofs.keep(rows);
      return Promise.all(rows.map((row) => see(row, clients, { troubles, proofs })));
    },
    diff,
    apply: (actions, signal) =>
      applyEach(actions, { width: WIDTH, signal }, (action) =>
        applyOne(action, clients, { troubles, proofs }),
      ),
  };
}

/** Where to ask it: over HTTP what has a host port to be asked at, else TCP at its own address. */
export function targetOf(row: InstanceRow): ProbeTarget {
  const { key, port, address, listen, health, routed, onHost } = row;
  if ((routed || onHost) && port !== undefined) return { key, http: { port }, health };
  return { key, ...(address !== undefined && { tcp: { host: address, port: listen } }), health };
}

async function see(
  row: InstanceRow,
  { prober, store, now }: InstanceClients,
  { troubles, proofs }: Memory,
): Promise<InstanceHave> {
  const { key, deployment, service, hash, image, state, port, health } = row;
  const probe = state === 'running' ? prober.look(key) : undefined;
  const ready = probe?.ready ?? false;
  const sinceMs = probe?.sinceMs ?? 0;
  const gaveUp = store.state.givenUp.find((given) => given.key === key)?.reason;
  // Only what is in trouble is asked about one by one; the list says the rest.
  const trouble = ready || gaveUp !== undefined ? undefined : await troubles.of(row, probe?.detail);
  return {
    key,
    deployment,
    service,
    hash,
    image,
    state,
    ready,
    sinceMs,
    proven: proofs.of(row, ready, now().getTime()),
    healthTimeoutMs: health.timeoutMs,
    restarts: trouble?.restarts ?? 0,
    ...(port !== undefined && { port }),
    ...(trouble?.detail !== undefined && { detail: trouble.detail }),
    ...(gaveUp !== undefined && { gaveUp }),
  };
}

function diff(wanted: Wanted, observed: Observed): readonly Action<InstanceStep>[] {
  const haves = seenOf(observed.instance);
  const haveByKey = new Map(haves.map((have) => [have.key, have]));
  const wantedKeys = new Set(wanted.instances.map(({ key }) => key));
  const makes = wanted.instances.flatMap((want) => make(want, haveByKey.get(want.key)));
  const rest = haves
    .filter(({ key }) => !wantedKeys.has(key))
    .flatMap((have) => (wanted.standing.has(have.key) ? stand(have, wanted) : remove(have, wanted)));
  return [...makes, ...rest];
}

function make(want: InstanceWant, have: InstanceHave | undefined): readonly Action<InstanceStep>[] {
  const { key, deployment, why } = want;
  const wait = want.wait && { wait: want.wait };
  const base = { kind: 'instance', key, deployment };
  if (!have) return [{ ...base, verb: 'create', why, want: { do: 'create', want }, ...wait }];
  if (isDown(have))
    return [{ ...base, verb: 'update', why: 'it is stopped and should run', want: { do: 'start' } }];
  if (have.ready) return [];
  return [
    {
      ...base,
      verb: 'update',
      why: 'it has to answer',
      wait: want.wait ?? { why: 'waits until it answers' },
    },
  ];
}

function stand(have: InstanceHave, wanted: Wanted): readonly Action<InstanceStep>[] {
  const standing = wanted.standing.get(have.key);
  const { key, deployment } = have;
  if (!standing) return [];
  const base = { verb: 'update' as const, kind: 'instance', key, deployment, why: standing.why };
  if (standing.run === !isDown(have))
    return standing.run ? comesUp(have).map((wait) => ({ ...base, wait })) : [];
  if (have.state === 'stopping') return [{ ...base, wait: { why: 'it is stopping' } }];
  if (standing.run) return [{ ...base, want: { do: 'start' } }];
  const { giveUp } = standing;
  return [{ ...base, want: { do: 'stop', ...(giveUp !== undefined && { giveUp }) } }];
}

/** An older version that was started again has as long to answer as it had at first; the vhost waits for it. */
function comesUp({ state, ready, sinceMs, healthTimeoutMs }: InstanceHave): readonly Wait[] {
  const left = healthTimeoutMs - sinceMs;
  return state === 'running' && !ready && left > 0 ? [{ why: 'waits until it answers', ms: left }] : [];
}

function remove(have: InstanceHave, wanted: Wanted): readonly Action<InstanceStep>[] {
  return removal('instance', have, wanted).map((action) => {
    if (have.state === 'stopping') return { ...action, wait: action.wait ?? { why: 'it is stopping' } };
    return { ...action, want: { do: isDown(have) ? 'remove' : 'stop' } };
  });
}

async function applyOne(
  { key, deployment, want }: Action<InstanceStep>,
  clients: InstanceClients,
  { troubles, proofs }: Memory,
): Promise<string | undefined> {
  const { engine } = clients;
  if (want?.do === 'create') {
    await forgive(key, clients);
    proofs.made(key);
    await engine.create(want.want);
    return undefined;
  }
  if (want?.do === 'start') {
    await forgive(key, clients);
    await engine.start(key);
    return 'started';
  }
  if (want?.do === 'stop') {
    if (want.giveUp !== undefined) await giveUp({ key, deployment, reason: want.giveUp }, clients);
    else troubles.hush(key);
    await engine.stop(key);
    return want.giveUp === undefined ? 'asked to stop' : 'given up';
  }
  await engine.remove(key);
  await forgive(key, clients);
  return undefined;
}

async function giveUp(
  row: { readonly key: string; readonly deployment: string; readonly reason: string },
  { store, step, now }: InstanceClients,
): Promise<void> {
  const at = now().toISOString();
  await step(`store.giveUp ${row.key}`, () =>
    store.update((state) => ({
      ...state,
      givenUp: [...state.givenUp.filter(({ key }) => key !== row.key), { ...row, at }],
    })),
  );
}

async function forgive(key: string, { store, step }: InstanceClients): Promise<void> {
  if (!store.state.givenUp.some((row) => row.key === key)) return;
  await step(`store.forgive ${key}`, () =>
    store.update((state) => ({ ...state, givenUp: state.givenUp.filter((row) => row.key !== key) })),
  );
}
