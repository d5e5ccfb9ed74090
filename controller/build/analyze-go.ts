/** Go: one static binary, built from the root's `main` package or the only one below `cmd/`. */
import { StalledError } from '../core/errors.ts';
import type { BuildSpec } from '../core/types.ts';
import { GO_DEFAULT_VERSION, GO_RUNTIME_BASE } from './bases.ts';
import type { Directory } from './directory.ts';
import type { PresetPlan } from './plan.ts';

/** The plan for a directory with a `go.mod`. Throws StalledError when it isn't clear which command is meant. */
export async function analyzeGo(directory: Directory, build: BuildSpec): Promise<PresetPlan | undefined> {
  const module = await directory.read('go.mod');
  if (module === undefined) return undefined;
  const version = /^go\s+(\d+\.\d+)/m.exec(module)?.[1] ?? GO_DEFAULT_VERSION;
  const install = build.install ?? 'go mod download';
  const command = build.command || `go build -trimpath -ldflags=-s -o /out/app ${mainPackage(directory)}`;
  return {
    kind: 'preset',
    recipe: {
      preset: 'go',
      bases: { go: `golang:${version}-alpine`, runtime: GO_RUNTIME_BASE },
      manifests: directory.has('go.sum') ? ['go.mod', 'go.sum'] : ['go.mod'],
      args: Object.keys(build.args ?? {}).sort(),
      ...(install ? { install } : {}),
      build: command,
      ignore: [],
    },
    summary: [`go ${version}`, install, command].filter(Boolean).join(', '),
  };
}

function mainPackage(directory: Directory): string {
  if (directory.names.some((name) => /^[^/]+\.go$/.test(name) && !name.endsWith('_test.go'))) return '.';
  const commands = new Set(
    directory.names.flatMap((name) => /^cmd\/([\w.-]+)\/[^/]+\.go$/.exec(name)?.[1] ?? []),
  );
  const [only] = commands;
  if (only !== undefined && commands.size === 1) return `./cmd/${only}`;
  const found =
    commands.size === 0 ? 'no .go file in the root or below cmd/' : `cmd/ has ${[...commands].join(', ')}`;
  throw new StalledError(
    `can't tell which Go command to build (${found}): set build.command to go build -o /out/app …`,
  );
}
