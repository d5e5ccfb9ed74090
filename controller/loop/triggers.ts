/** Everything that pokes the loop: the config repo, engine events, and the timer that looks even if no event came. */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../core/errors.ts';
import type { Log } from '../log.ts';
import type { RealWorld } from './world.ts';

export interface TriggerOptions {
  readonly intervalMs: number;
  readonly poke: (trigger: string) => void;
  readonly log: Log;
}

/** Remotes may take this long before the timer's pass goes on without them. */
const PATIENCE_MS = 1000;

/** Watches until the signal. The watches mend themselves; the timer finds what they miss. */
export function startTriggers(
  { config, sources, clients }: RealWorld,
  { intervalMs, poke, log }: TriggerOptions,
  signal: AbortSignal,
): void {
  const warn = (error: unknown): void => {
    if (!signal.aborted) log.warn(messageOf(error));
  };
  config.watch(() => poke('config repo'), signal).catch(warn);
  clients.engine
    .watch(({ action, key }) => {
      if (action === 'die' && key !== '') clients.prober.reset(key);
      poke(`engine: ${action} ${key}`.trim());
    }, signal)
    .catch(warn);
  let asking: Promise<void> | undefined;
  const askConfig = async (): Promise<void> => {
    // A config repo that can't be asked is among the problems of every pass until it can.
    await config.poll(signal).catch(() => undefined);
    asking = undefined;
  };
  const tick = async (): Promise<void> => {
    while (!signal.aborted) {
      asking ??= askConfig();
      // Asked anew each time: one repo that takes minutes must not keep the others from being looked at.
      const polled = Promise.all([asking, sources.poll().catch(warn)]).then(() => poke('timer'));
      const late = sleep(PATIENCE_MS, 'late', { ref: false });
      if ((await Promise.race([polled, late])) === 'late') poke('timer');
      await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
    }
  };
  void tick();
}
