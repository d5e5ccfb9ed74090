/**
 * Instances as containers. A container is found by its name, checked to be ours, and then acted on by its id, so that
 * nothing of anyone else's is touched even if it was renamed a moment ago. What can't be started is removed at once.
 */
import type Docker from 'dockerode';
import { StalledError, TransientError } from '../../core/errors.ts';
import type { InstanceWant } from '../../core/types.ts';
import { askList, askMaybe, type Connection } from './docker-connection.ts';
import { createContainer, findContainer, removeContainer, startContainer } from './docker-containers.ts';
import { engineError, statusOf, wordsOf } from './docker-errors.ts';
import { containerBody, instanceRow, portOf, STOP_SECONDS } from './docker-instance-body.ts';
import { LABEL } from './labels.ts';
import { openEnv } from './open-env.ts';
import { normaliseReference } from './reference.ts';
import type { Engine } from './types.ts';

/** Where neither the file nor the image says which port the process listens on. */
const DEFAULT_LISTEN = 3000;

type Instances = Pick<Engine, 'instances' | 'inspect' | 'create' | 'start' | 'stop' | 'remove'>;

export function dockerInstances(connection: Connection): Instances {
  const { calls, owner, step } = connection;
  const stopping = new Set<string>();

  async function ours(key: string): Promise<Docker.ContainerInspectInfo | undefined> {
    const found = await findContainer(connection, key);
    if (!found || isOurs(found, owner)) return found;
    throw new StalledError(
      `container ${key} exists and is not one of Berth's (${owner}): rename or remove it, or rename the deployment`,
    );
  }

  function removeById(key: string, id: string): Promise<void> {
    return step(`engine.remove ${key}`, () => removeContainer(connection, key, id));
  }

  function startById(key: string, id: string, port: number | undefined): Promise<void> {
    return step(`engine.start ${key}`, async () => {
      try {
        await startContainer(connection, key, id);
      } catch (error) {
        await removeById(key, id);
        throw startError(error, key, port);
      }
    });
  }

  async function createNew(want: InstanceWant): Promise<void> {
    const listen = await listenOf(connection, want);
    const body = containerBody(want, { listen, env: await openEnv(want.spec.env), owner });
    const id = await step(`engine.create ${want.key}`, async () => {
      try {
        return await createContainer(connection, want.key, body);
      } catch (error) {
        throw createError(error, want);
      }
    });
    await startById(want.key, id, want.port);
  }

  return {
    async instances() {
      const filters = { label: [`${LABEL.owner}=${owner}`, LABEL.instance] };
      const rows = await askList(connection, 'listing containers', () =>
        calls.listContainers({ all: true, filters }),
      );
      return rows.map((row) => instanceRow(row, stopping));
    },

    async inspect(key) {
      const found = await findContainer(connection, key);
      if (!found || !isOurs(found, owner)) return undefined;
      const { ExitCode: exitCode, OOMKilled: oomKilled, Error: error } = found.State;
      return { restarts: found.RestartCount, exitCode, oomKilled, error };
    },

    async create(want) {
      const there = await ours(want.key);
      if (!there) return createNew(want);
      // A crash may have come between create and start: what was made then is taken over if it is what is wanted.
      if (there.Config.Labels[LABEL.hash] === want.hash && portOf(there.Config.Labels) === want.port) {
        return there.State.Running ? undefined : startById(want.key, there.Id, want.port);
      }
      await removeById(want.key, there.Id);
      return createNew(want);
    },

    async start(key) {
      const there = await ours(key);
      if (!there) throw new TransientError(`container ${key} is not there any more; it is made again`);
      return startById(key, there.Id, portOf(there.Config.Labels));
    },

    async stop(key) {
      const there = await ours(key);
      if (!there?.State.Running || stopping.has(there.Id)) return;
      await step(`engine.stop ${key}`, async () => {
        stopping.add(there.Id);
        stopInBackground(connection, key, there.Id).finally(() => stopping.delete(there.Id));
      });
    },

    async remove(key) {
      const there = await ours(key);
      if (there) await removeById(key, there.Id);
    },
  };
}

function isOurs(container: Docker.ContainerInspectInfo, owner: string): boolean {
  const labels = container.Config.Labels;
  return labels?.[LABEL.owner] === owner && labels[LABEL.instance] !== undefined;
}

async function stopInBackground(connection: Connection, key: string, id: string): Promise<void> {
  try {
    await connection.streams.getContainer(id).stop({ t: STOP_SECONDS });
  } catch (error) {
    const status = statusOf(error);
    if (status === 304 || status === 404) return;
    connection.onError(engineError(error, `stopping container ${key}`, connection.host));
  }
}

/** On this machine's own network it is the host port: there is no other. */
async function listenOf(connection: Connection, { spec, port }: InstanceWant): Promise<number> {
  if (spec.addressAs !== undefined && port !== undefined) return port;
  return spec.listen ?? (await exposedPort(connection, spec.image)) ?? DEFAULT_LISTEN;
}

/** The lowest TCP port of the image's EXPOSE. */
async function exposedPort(connection: Connection, image: string): Promise<number | undefined> {
  const name = normaliseReference(image);
  const found = await askMaybe(connection, `inspecting image ${image}`, () =>
    connection.calls.getImage(name).inspect(),
  );
  const ports = Object.keys(found?.Config.ExposedPorts ?? {})
    .filter((port) => !port.endsWith('/udp') && !port.endsWith('/sctp'))
    .map((port) => Number.parseInt(port, 10));
  return ports.sort((a, b) => a - b)[0];
}

function createError(error: unknown, want: InstanceWant): unknown {
  const cause = (error as { cause?: unknown }).cause;
  if (statusOf(cause) === 404) {
    return new TransientError(
      `image ${want.spec.image} of ${want.key} is not there any more; it is made again`,
      { cause },
    );
  }
  return error;
}

function startError(error: unknown, key: string, port: number | undefined): unknown {
  const cause = (error as { cause?: unknown }).cause;
  const words = wordsOf(cause);
  if (/port is already allocated|address already in use/i.test(words)) {
    return new TransientError(`host port ${port} is taken, so ${key} could not start; it gets another one`, {
      cause,
    });
  }
  if (statusOf(cause) === 404)
    return new TransientError(`${key} could not start: ${words}; it is made again`, { cause });
  if (
    /executable file not found|: exec: |exec format error|starting container process caused: exec/i.test(
      words,
    )
  ) {
    return new StalledError(`${key} can't start: ${words}; correct \`start\` or the image's command`, {
      cause,
    });
  }
  return error;
}
