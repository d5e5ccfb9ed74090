/**
 * The base image of a preset: the public one when it is here or can be pulled, else, for Node, one that is made of
 * this machine's own Node runtime, so that a machine without a registry deploys all the same. A user's own Dockerfile
 * is never altered.
 */
import type { Engine, LogLine } from '../clients/engine/types.ts';
import { messageOf, StalledError } from '../core/errors.ts';
import { nodeRootfs } from './base-rootfs.ts';

export interface BaseImages {
  /** The image to start from in place of `reference`. Throws StalledError when there is none, what the engine throws otherwise. */
  choose(reference: string, say: (text: string) => void, signal: AbortSignal): Promise<string>;
}

export interface BaseImagesOptions {
  readonly engine: Pick<Engine, 'hasImage' | 'pull' | 'importImage'>;
  /** Monotonic. */
  readonly nowMs?: () => number;
  /** Until the registry's first word. A registry that talks may take its time. */
  readonly answerMs?: number;
}

/** Where this machine's own runtime is kept as an image. */
export const OWN_NODE_IMAGE = `berth/base-node:${process.version}`;

const ANSWER_MS = 10_000;
const FORGET_MS = 60 * 60_000;

/** Remembers for an hour that no registry answers; nothing else is kept. */
export function createBaseImages(options: BaseImagesOptions): BaseImages {
  const { engine, nowMs = () => performance.now(), answerMs = ANSWER_MS } = options;
  let deafUntilMs = Number.NEGATIVE_INFINITY;
  let making: Promise<void> | undefined;

  async function ownNode(say: (text: string) => void): Promise<string> {
    if (!(await engine.hasImage(OWN_NODE_IMAGE))) {
      say(`making ${OWN_NODE_IMAGE} from this machine's own Node runtime`);
      making ??= makeOwnNode(engine).finally(() => {
        making = undefined;
      });
      await making;
    }
    return OWN_NODE_IMAGE;
  }

  return {
    async choose(reference, say, signal) {
      if (await engine.hasImage(reference)) return reference;
      const isNode = reference.startsWith('node:');
      if (isNode && nowMs() < deafUntilMs) {
        say(
          `${reference} is not here and no registry answered within the last hour: using ${OWN_NODE_IMAGE}`,
        );
        return ownNode(say);
      }
      signal.throwIfAborted();
      say(`pulling ${reference}`);
      const failure = await pullIfAnswered(engine, reference, { say, signal, answerMs });
      if (failure === undefined) return reference;
      signal.throwIfAborted();
      if (!isNode) {
        throw new StalledError(
          `${reference} is not on this machine and can't be pulled (${messageOf(failure)}): pull it, or give the app a Dockerfile`,
          { cause: failure },
        );
      }
      deafUntilMs = nowMs() + FORGET_MS;
      say(`${reference} can't be pulled (${messageOf(failure)}): using ${OWN_NODE_IMAGE}`);
      return ownNode(say);
    },
  };
}

async function pullIfAnswered(
  engine: Pick<Engine, 'pull'>,
  reference: string,
  options: { say: (text: string) => void; signal: AbortSignal; answerMs: number },
): Promise<unknown> {
  const silence = new AbortController();
  const noAnswer = new StalledError(`the registry didn't answer within ${options.answerMs / 1000} s`);
  const timer = setTimeout(() => silence.abort(noAnswer), options.answerMs);
  const onLine = (line: LogLine): void => {
    clearTimeout(timer);
    options.say(line.text);
  };
  try {
    await engine.pull(reference, onLine, AbortSignal.any([options.signal, silence.signal]));
    return undefined;
  } catch (error) {
    return silence.signal.aborted ? noAnswer : error;
  } finally {
    clearTimeout(timer);
  }
}

async function makeOwnNode(engine: Pick<Engine, 'importImage'>): Promise<void> {
  const { tar, env } = await nodeRootfs();
  const changes = Object.entries(env).map(([name, value]) => `ENV ${name}=${value}`);
  await engine.importImage(tar, OWN_NODE_IMAGE, [...changes, 'LABEL berth.base=node', 'CMD ["node"]']);
}
