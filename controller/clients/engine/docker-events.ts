/**
 * The engine's events about what is ours. They are only a reason to look: what happens while the stream is down is found
 * by looking once it is up again, which is why that is reported too. The engine gives networks and volumes no labels in
 * their events, so those two come to light with the next pass instead.
 */
import type { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import type Docker from 'dockerode';
import type { Connection } from './docker-connection.ts';
import { engineError } from './docker-errors.ts';
import { LABEL } from './labels.ts';
import { readJsonLines } from './ndjson.ts';
import type { EngineEvent } from './types.ts';

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;

/** Those that change what a list call would say. Health checks and `docker exec` make many others. */
const ACTIONS: ReadonlySet<string> = new Set(
  'create start die stop oom destroy pause unpause rename restart tag untag delete'.split(' '),
);

/** Resolves when the signal is given. The first connection is reported as `connected`, any later one as `reconnected`. */
export async function watchEvents(
  connection: Connection,
  onEvent: (event: EngineEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  let action = 'connected';
  let waitMs = FIRST_WAIT_MS;
  while (!signal.aborted) {
    try {
      const stream = await openEvents(connection, signal);
      onEvent({ type: 'container', action, key: '' });
      action = 'reconnected';
      waitMs = FIRST_WAIT_MS;
      for await (const line of readJsonLines(stream)) {
        const event = eventOf(line);
        if (event) onEvent(event);
      }
    } catch (error) {
      // Told once; that it is still so, every look at the engine tells.
      if (!signal.aborted && waitMs === FIRST_WAIT_MS)
        connection.onError(engineError(error, 'watching events', connection.host));
    }
    await pause(waitMs, signal);
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
  }
}

async function openEvents({ streams, owner }: Connection, signal: AbortSignal): Promise<Readable> {
  const options: Docker.GetEventsOptions = {
    filters: { type: ['container', 'image'], label: [`${LABEL.owner}=${owner}`] },
    abortSignal: signal,
  };
  return (await streams.getEvents(options)) as Readable;
}

/** Pure: one line of `GET /events` in Berth's words, or undefined for what changes nothing. */
export function eventOf(line: unknown): EngineEvent | undefined {
  const { Type, Action, Actor } = line as {
    Type?: string;
    Action?: string;
    Actor?: { Attributes?: Attributes };
  };
  const attributes = Actor?.Attributes ?? {};
  if (!Action || !ACTIONS.has(Action)) return undefined;
  if (Type === 'image') return { type: Type, action: Action, key: '' };
  if (Type !== 'container' || attributes[LABEL.instance] === undefined) return undefined;
  return { type: Type, action: Action, key: attributes.name ?? '' };
}

type Attributes = Readonly<Record<string, string>>;

/** Ends early with the signal, which is the only thing that this sleep can be refused by. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => {});
}
