/** What is to be told of an instance that does not answer. The engine's list does not say it, so it is asked one by one. */
import type { Engine, InstanceRow } from '../clients/engine/types.ts';
import { lastWords, TAIL_LINES } from './last-words.ts';

export interface Trouble {
  readonly restarts: number;
  readonly detail?: string;
}

export interface Troubles {
  /** `probed` is the last probe's answer. */
  of(row: InstanceRow, probed: string | undefined): Promise<Trouble>;
  /** Berth stops it itself, so it has nothing to tell. */
  hush(key: string): void;
  /** Forgets all but what is going down or has ended. */
  keep(rows: readonly InstanceRow[]): void;
}

/**
 * Remembers what an exited container said: that does not change, and a suspended deployment stays so for long. One that
 * is going down is not asked at all: the engine answers only when it is down, and a pass never waits.
 */
export function createTroubles(engine: Pick<Engine, 'inspect' | 'tail'>): Troubles {
  const ended = new Map<string, Trouble>();
  return {
    async of(row, probed) {
      if (row.state === 'stopping') return { restarts: 0 };
      if (row.state !== 'exited') return ask(row, probed, engine);
      const trouble = ended.get(row.key) ?? (await ask(row, probed, engine));
      ended.set(row.key, trouble);
      return trouble;
    },
    hush: (key) => {
      ended.set(key, { restarts: 0 });
    },
    keep(rows) {
      const down = rows.filter(({ state }) => state === 'exited' || state === 'stopping');
      const keys = new Set(down.map(({ key }) => key));
      for (const key of ended.keys()) if (!keys.has(key)) ended.delete(key);
    },
  };
}

async function ask(
  row: InstanceRow,
  probed: string | undefined,
  engine: Pick<Engine, 'inspect' | 'tail'>,
): Promise<Trouble> {
  const found = await engine.inspect(row.key);
  const restarts = found?.restarts ?? 0;
  // Restarts of long ago, such as before this controller looked, say nothing until a probe has failed.
  const fine = row.state === 'running' && (restarts === 0 || probed === undefined);
  if (!found || row.state === 'created' || fine)
    return { restarts, ...(probed !== undefined && { detail: probed }) };
  const words = lastWords((await engine.tail(row.key, TAIL_LINES)).map(({ text }) => text));
  const how = found.oomKilled ? 'ran out of memory' : `exited with code ${found.exitCode}`;
  // Between two restarts the engine has forgotten the code; what the process wrote last tells more than a probe.
  const what = row.state === 'running' ? 'keeps exiting' : how;
  return { restarts, detail: [what, words].filter(Boolean).join(': ') };
}
