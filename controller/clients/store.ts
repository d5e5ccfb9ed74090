/**
 * `state.json`. A change is in `state` at once and on the disk when `update` resolves; changes that come while a write
 * is under way share the next one. The file is a cache: one that can't be understood is set aside, not repaired.
 */
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Adapter, Low } from 'lowdb';
import { TransientError } from '../core/errors.ts';
import { runStep, type Step } from '../core/step.ts';
import { removeStrays, writeAtomic } from './atomic-file.ts';
import { EMPTY_STATE, isState } from './state-shape.ts';
import type { State, Store } from './types.ts';

export interface StoreOptions {
  /** Told when a file was set aside. */
  readonly warn?: (message: string) => void;
  readonly step?: Step;
}

/** Files set aside that are kept, newest first. */
const KEEP_CORRUPT = 3;

/**
 * Opens or makes the file; only the holder of the data dir's lock may. An `update` throws `TransientError` when the
 * disk refuses: the change stays in memory and goes with the next write, even of an update that changes nothing.
 */
export async function openStore(file: string, options: StoreOptions = {}): Promise<Store> {
  const { step = runStep } = options;
  await mkdir(dirname(file), { recursive: true });
  await removeStrays(file);
  const low = new Low<State>(adapter(file, options), EMPTY_STATE);
  await low.read();

  let unsaved = false;
  let next: Promise<void> | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const write = (): Promise<void> => {
    next ??= last.then(async () => {
      next = undefined;
      unsaved = false;
      try {
        await step('store.write', () => low.write());
      } catch (error) {
        unsaved = true;
        throw error;
      }
    });
    last = next.catch(() => undefined);
    return next;
  };

  return {
    get state() {
      return low.data;
    },
    async update(change) {
      const state = change(low.data);
      if (state === low.data && !unsaved) return;
      low.data = state;
      unsaved = true;
      await write();
    },
  };
}

/** The state as it is on the disk now, for reading beside its controller; an `update` throws. */
export async function readStore(file: string): Promise<Store> {
  const text = await readText(file);
  return {
    state: parse(text ?? '') ?? EMPTY_STATE,
    update: () => Promise.reject(new Error(`${file} is open for reading only`)),
  };
}

function adapter(file: string, options: StoreOptions): Adapter<State> {
  return {
    read: () => readState(file, options),
    async write(state) {
      try {
        await writeAtomic(file, `${JSON.stringify(state, undefined, 1)}\n`);
      } catch (cause) {
        throw new TransientError(
          `${file} can't be written (${codeOf(cause)}): make room or mend its directory`,
          {
            cause,
          },
        );
      }
    },
  };
}

async function readState(file: string, { warn }: StoreOptions): Promise<State | null> {
  const text = await readText(file);
  if (text === undefined) return null;
  const state = parse(text);
  if (state !== undefined) return state;
  const aside = `${file}.corrupt-${new Date().toISOString().replaceAll(':', '-')}`;
  await rename(file, aside);
  await dropOldest(file);
  warn?.(`${file} was not a state of this version: it is kept as ${basename(aside)} and rebuilt`);
  return null;
}

/** Undefined where there is none; what can't be read is no empty state. */
async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    throw new Error(`${file} can't be read (${codeOf(cause)}): make it readable, or remove it`, { cause });
  }
}

function parse(text: string): State | undefined {
  try {
    const value: unknown = JSON.parse(text);
    // A file of a version that knew no tunnel is a good one.
    const whole = typeof value === 'object' ? { routes: EMPTY_STATE.routes, ...value } : value;
    return isState(whole) ? whole : undefined;
  } catch {
    return undefined;
  }
}

async function dropOldest(file: string): Promise<void> {
  const start = `${basename(file)}.corrupt-`;
  const names = (await readdir(dirname(file))).filter((name) => name.startsWith(start)).sort();
  for (const name of names.slice(0, -KEEP_CORRUPT)) await rm(join(dirname(file), name), { force: true });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
