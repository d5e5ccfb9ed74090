/**
 * Volumes, and their content. The engine gives out files of containers only, so a volume is read through one that mounts
 * it, is never started and has an empty image. Both go when the reading ends; what a crash left of them goes with the
 * next reading, or with the volume.
 */
import { Readable } from 'node:stream';
import { StalledError, TransientError } from '../../core/errors.ts';
import { ask, askMaybe, type Connection } from './docker-connection.ts';
import { createContainer, findContainer, removeContainer } from './docker-containers.ts';
import { engineError, statusOf } from './docker-errors.ts';
import { LABEL } from './labels.ts';
import type { Engine } from './types.ts';

type Volumes = Pick<Engine, 'volumes' | 'createVolume' | 'readVolume' | 'removeVolume'>;
type Images = Pick<Engine, 'importImage' | 'removeImage'>;

/** Where the volume is mounted in the container that is never started. */
const MOUNT = '/volume';

/** A tar ends with two blocks of zeros, and this one has nothing else. */
const EMPTY_TAR = Buffer.alloc(1024);

export function dockerVolumes(connection: Connection, images: Images): Volumes {
  const { calls, owner, step } = connection;

  async function ours(key: string): Promise<boolean> {
    const volume = calls.getVolume(key);
    const found = await askMaybe(connection, `inspecting volume ${key}`, () => volume.inspect());
    if (!found || found.Labels?.[LABEL.owner] === owner) return found !== undefined;
    throw new StalledError(`volume ${key} exists and is not one of Berth's (${owner}): rename or remove it`);
  }

  return {
    async volumes() {
      const filters = { label: [`${LABEL.owner}=${owner}`] };
      const answer = await ask(connection, 'listing volumes', () => calls.listVolumes({ filters }));
      // The engine says null where there are none, so only an answer that names the field is certain.
      if (!('Volumes' in Object(answer))) {
        throw new TransientError('docker engine answered listing volumes with something else than a list');
      }
      return (answer.Volumes ?? []).map((row) => ({
        key: row.Name,
        deployment: row.Labels?.[LABEL.deployment] ?? '',
        createdAt: (row as { CreatedAt?: string }).CreatedAt ?? '',
      }));
    },

    async createVolume(key, deployment) {
      if (await ours(key)) return;
      const Labels = { [LABEL.owner]: owner, [LABEL.deployment]: deployment };
      await step(`engine.createVolume ${key}`, async () => {
        await ask(connection, `creating volume ${key}`, () => calls.createVolume({ Name: key, Labels }));
      });
    },

    async readVolume(key) {
      if (!(await ours(key))) throw new TransientError(`volume ${key} is not there any more`);
      const id = await openReader(connection, images, key);
      return Readable.from(readThrough(connection, images, { key, id }), { objectMode: false });
    },

    async removeVolume(key) {
      if (!(await ours(key))) return;
      await closeReader(connection, images, key);
      await step(`engine.removeVolume ${key}`, () => remove(connection, key));
    },
  };
}

/** One image per owner, since another controller on this engine removes its own when it is done. */
function readerImage(owner: string): string {
  return `berth/volume-reader:${owner}`;
}

function readerName(owner: string, key: string): string {
  return `${owner}-reader-${key}`;
}

async function openReader(connection: Connection, images: Images, key: string): Promise<string> {
  const { owner, step } = connection;
  await closeReader(connection, images, key);
  const Image = readerImage(owner);
  await images.importImage(Readable.from([EMPTY_TAR]), Image, []);
  const body = {
    Image,
    Cmd: ['never started'],
    Labels: { [LABEL.owner]: owner, [LABEL.reader]: key },
    NetworkDisabled: true,
    HostConfig: { Mounts: [{ Type: 'volume' as const, Source: key, Target: MOUNT, ReadOnly: true }] },
  };
  const name = readerName(owner, key);
  return step(`engine.createReader ${key}`, () => createContainer(connection, name, body));
}

async function* readThrough(
  connection: Connection,
  images: Images,
  { key, id }: { key: string; id: string },
): AsyncGenerator<Buffer> {
  try {
    const archive = await connection.streams.getContainer(id).getArchive({ path: `${MOUNT}/.` });
    yield* archive as Readable;
  } catch (error) {
    throw engineError(error, `reading volume ${key}`, connection.host);
  } finally {
    await closeReader(connection, images, key);
  }
}

async function closeReader(connection: Connection, images: Images, key: string): Promise<void> {
  const { owner, step } = connection;
  const reader = await findContainer(connection, readerName(owner, key));
  const labels = reader?.Config.Labels;
  if (reader && labels?.[LABEL.owner] === owner && labels[LABEL.reader] === key) {
    await step(`engine.removeReader ${key}`, () => removeContainer(connection, reader.Name, reader.Id));
  }
  try {
    await images.removeImage(readerImage(owner));
  } catch (error) {
    // Another volume is being read through it: the last one removes it.
    if (!(error instanceof TransientError) || statusOf(error.cause) !== 409) throw error;
  }
}

async function remove(connection: Connection, key: string): Promise<void> {
  await ask(connection, `removing volume ${key}`, () =>
    connection.calls
      .getVolume(key)
      .remove()
      .catch((cause) => {
        if (statusOf(cause) === 404) return;
        if (statusOf(cause) !== 409) throw cause;
        throw new TransientError(`volume ${key} still has containers; it is removed after them`, { cause });
      }),
  );
}
