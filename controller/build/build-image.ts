/** One image, from its source to its tag. An image that is there already is not made again. */
import type { Engine } from '../clients/engine/types.ts';
import type { SourceTree } from '../clients/types.ts';
import { StalledError } from '../core/errors.ts';
import type { ImageWant } from '../core/types.ts';
import { analyze } from './analyze.ts';
import type { BaseImages } from './base-image.ts';
import type { BuildLog } from './build-log.ts';
import { buildContext } from './context.ts';
import { type ChooseBase, layoutOf } from './layout.ts';

export interface BuildImageOptions {
  readonly engine: Engine;
  /** `repo` as the file names it: `.` is the config repo. */
  readonly open: (repo: string, commit: string, signal: AbortSignal) => Promise<SourceTree>;
  readonly bases: BaseImages;
  readonly owner: string;
  readonly memoryBytes: number;
}

/** Throws what went wrong; nothing is left under the tag then. */
export async function buildImage(
  options: BuildImageOptions,
  want: ImageWant,
  log: BuildLog,
  signal: AbortSignal,
): Promise<void> {
  const { engine } = options;
  if (await engine.hasImage(want.key)) return log.say(`${want.key} is already here`);
  signal.throwIfAborted();
  if (want.from.kind === 'pull') {
    log.say(`pulling ${want.key}`);
    return engine.pull(want.key, log.line, signal);
  }
  const { repo, commit, path, build } = want.from;
  log.say(
    `building ${want.key} from ${path === '.' ? 'the root' : path} of ${withoutSecrets(repo)} at ${commit.slice(0, 7)}`,
  );
  const tree = listedOnce(await options.open(repo, commit, signal));
  const plan = await analyze(tree, path, build);
  log.say(`plan: ${plan.summary}`);
  const choose: ChooseBase = (reference) => options.bases.choose(reference, log.say, signal);
  const layout = await layoutOf(plan, choose);
  signal.throwIfAborted();

  const context = buildContext({ tree, path, layout, signal });
  let broken: Error | undefined;
  context.once('error', (error) => {
    broken = error;
  });
  const own = plan.kind === 'dockerfile' && build.target !== undefined ? { target: build.target } : {};
  const args = build.args === undefined ? {} : { args: build.args };
  try {
    await engine.build(
      context,
      {
        tag: want.key,
        labels: labelsOf(options.owner, want, commit),
        dockerfile: layout.dockerfile,
        memoryBytes: options.memoryBytes,
        ...own,
        ...args,
      },
      log.line,
      signal,
    );
  } catch (error) {
    throw broken instanceof StalledError ? broken : error;
  } finally {
    context.destroy();
  }
  log.say(`built ${want.key}`);
}

/** Analysis and the ignore rules look at the same directory, which may be large. */
function listedOnce(tree: SourceTree): SourceTree {
  const lists = new Map<string, ReturnType<SourceTree['list']>>();
  return {
    ...tree,
    list(path) {
      const list = lists.get(path) ?? tree.list(path);
      lists.set(path, list);
      return list;
    },
  };
}

function labelsOf(owner: string, want: ImageWant, commit: string): Readonly<Record<string, string>> {
  return {
    'berth.owner': owner,
    'berth.deployment': want.deployment,
    'berth.service': want.service,
    'berth.commit': commit,
  };
}

function withoutSecrets(repo: string): string {
  return repo === '.' ? 'the config repo' : repo.replace(/\/\/[^/]*@/, '//').replace(/[?#].*$/, '');
}
