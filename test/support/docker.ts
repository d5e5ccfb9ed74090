/** The engine's own command, for what a person does to containers behind a controller's back. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Runs `docker …`; what it printed. */
export async function docker(...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)('docker', [...args])).stdout.trim();
}

/** Names of the containers of an owner, stopped ones too, sorted. */
export async function containersOf(owner: string, deployment?: string): Promise<readonly string[]> {
  const filters = [
    `label=berth.owner=${owner}`,
    ...(deployment ? [`label=berth.deployment=${deployment}`] : []),
  ];
  const names = await docker(
    'ps',
    '-a',
    ...filters.flatMap((filter) => ['--filter', filter]),
    '--format',
    '{{.Names}}',
  );
  return names
    .split('\n')
    .filter((name) => name !== '')
    .sort();
}

/** What identifies a container and its place: a heal that changes neither is a heal that did nothing. */
export async function identityOf(name: string): Promise<string> {
  return docker(
    'inspect',
    '--format',
    '{{.Id}} {{.State.StartedAt}} {{json .HostConfig.PortBindings}}',
    name,
  );
}
