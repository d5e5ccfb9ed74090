/**
 * The package manager of a Node app: what `packageManager` names, else whose lockfile is there (pnpm, yarn, npm).
 * Versions are pinned when the app pins them, else a major that reads the lockfile.
 */
import type { Directory } from './directory.ts';
import type { NodePackage } from './node-package.ts';

export interface PackageTool {
  readonly name: 'npm' | 'pnpm' | 'yarn';
  /** What `npm install --global` is given for it; npm is in the base image. */
  readonly spec?: string;
  /** Files that installing reads, beside `package.json`. */
  readonly files: readonly string[];
  /** Installs all packages, those for building too. */
  readonly installAll: string;
  /** Installs only what running needs. */
  readonly installProduction: string;
  /** Goes from the first to the second. */
  readonly prune?: string;
  run(script: string): string;
  /** For people. */
  readonly words: string;
}

const LOCKFILE_MAX_BYTES = 32 * 1024 * 1024;
const PINNED = /^(npm|pnpm|yarn)@(\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?)(?:\+[0-9A-Za-z.]+)?$/;

/** Throws StalledError when the lockfile that decides is a link or absurdly large. */
export async function packageTool(directory: Directory, app: NodePackage): Promise<PackageTool> {
  const [, pinnedName, version] = PINNED.exec(app.packageManager ?? '') ?? [];
  const name = pinnedName ?? lockfileOwner(directory);
  if (name === 'pnpm') return pnpm(directory, version);
  if (name === 'yarn') return yarn(directory, version);
  return npm(directory);
}

function lockfileOwner(directory: Directory): PackageTool['name'] {
  if (directory.has('pnpm-lock.yaml')) return 'pnpm';
  return directory.has('yarn.lock') ? 'yarn' : 'npm';
}

function present(directory: Directory, names: readonly string[]): readonly string[] {
  return names.filter((name) => directory.has(name));
}

function npm(directory: Directory): PackageTool {
  const locked = present(directory, ['package-lock.json', 'npm-shrinkwrap.json']);
  const command = locked.length > 0 ? 'npm ci' : 'npm install';
  return {
    name: 'npm',
    files: [...locked, ...present(directory, ['.npmrc'])],
    installAll: `${command} --include=dev --no-audit --no-fund`,
    installProduction: `${command} --omit=dev --no-audit --no-fund`,
    prune: 'npm prune --omit=dev --no-audit --no-fund',
    run: (script) => `npm run ${script}`,
    words: command,
  };
}

async function pnpm(directory: Directory, pinned: string | undefined): Promise<PackageTool> {
  const lock = await directory.read('pnpm-lock.yaml', LOCKFILE_MAX_BYTES);
  const format = /^lockfileVersion:\s*['"]?(\d+)/m.exec(lock ?? '')?.[1];
  const major = format === '5' ? '7' : format === '6' ? '8' : '9';
  const frozen = lock === undefined ? '' : ' --frozen-lockfile';
  // CI=true for these commands alone: pnpm asks before it removes modules, and front-end builds fail on warnings under CI.
  return {
    name: 'pnpm',
    spec: `pnpm@${pinned ?? major}`,
    files: present(directory, ['pnpm-lock.yaml', '.npmrc']),
    installAll: `CI=true pnpm install${frozen} --prod=false`,
    installProduction: `CI=true pnpm install${frozen} --prod`,
    prune: 'CI=true pnpm prune --prod',
    run: (script) => `pnpm run ${script}`,
    words: 'pnpm install',
  };
}

function yarn(directory: Directory, pinned: string | undefined): PackageTool {
  const berry = pinned === undefined ? directory.has('.yarnrc.yml') : !pinned.startsWith('1.');
  const common = {
    name: 'yarn' as const,
    run: (script: string) => `yarn run ${script}`,
    words: 'yarn install',
  };
  if (berry) {
    // Yarn 2 and later carry plugins and releases in `.yarn`, a whole directory: nothing is copied ahead.
    const install = 'yarn install --immutable';
    const spec = `@yarnpkg/cli-dist@${pinned ?? '4'}`;
    return { ...common, spec, files: [], installAll: install, installProduction: install };
  }
  const frozen = directory.has('yarn.lock') ? ' --frozen-lockfile' : '';
  return {
    ...common,
    spec: `yarn@${pinned ?? '1.22.22'}`,
    files: present(directory, ['yarn.lock', '.npmrc', '.yarnrc']),
    installAll: `yarn install${frozen} --production=false`,
    installProduction: `yarn install${frozen} --production`,
    prune: `yarn install${frozen} --production --ignore-scripts --prefer-offline`,
  };
}
