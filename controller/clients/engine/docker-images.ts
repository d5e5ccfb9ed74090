/**
 * Images by reference. Ours are those with our label *and* a name under `berth/`: an image that someone builds on top of
 * one of ours inherits the label and stays theirs.
 */
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { StalledError, TransientError } from '../../core/errors.ts';
import { ask, askList, askMaybe, type Connection } from './docker-connection.ts';
import { clean, engineError, statusOf, wordsOf } from './docker-errors.ts';
import { LABEL } from './labels.ts';
import { readJsonLines } from './ndjson.ts';
import { normaliseReference } from './reference.ts';
import type { Engine, ImageRow, LogLine } from './types.ts';

type Images = Pick<Engine, 'images' | 'pull' | 'importImage' | 'hasImage' | 'removeImage'>;

/** Images: ours by owner label and name, the others under no deployment. */
export function dockerImages(connection: Connection): Images {
  const { calls, streams, owner, step } = connection;

  return {
    async images() {
      const rows = await askList(connection, 'listing images', () => calls.listImages());
      return rows.flatMap((row) => imageRows(row, owner));
    },

    pull(reference, onLine, signal) {
      // Without a tag the engine would pull every tag there is.
      const name = normaliseReference(reference);
      return step(`engine.pull ${name}`, async () => {
        try {
          const stream = await streams.pull(name, { abortSignal: signal });
          await followProgress(stream as Readable, (text) => onLine(progressLine(text)));
        } catch (error) {
          signal.throwIfAborted();
          throw pullError(engineError(error, `pulling image ${name}`, connection.host), name);
        }
      });
    },

    importImage(tar, reference, changes) {
      const [repo, tag] = splitTag(normaliseReference(reference));
      const label = `LABEL ${LABEL.owner}=${JSON.stringify(owner)}`;
      return step(`engine.importImage ${reference}`, async () => {
        try {
          const stream = await streams.importImage(tar, { repo, tag, changes: [label, ...changes] });
          await followProgress(stream as Readable, () => {});
        } catch (error) {
          throw engineError(error, `importing image ${reference}`, connection.host);
        }
      });
    },

    async hasImage(reference) {
      return (await findImage(connection, reference)) !== undefined;
    },

    async removeImage(reference) {
      const found = await findImage(connection, reference);
      if (!found) return;
      const name = reference.startsWith('sha256:') ? reference : normaliseReference(reference);
      if (found.Config?.Labels?.[LABEL.owner] !== owner || !mayBeOurs(name)) {
        throw new StalledError(
          `image ${reference} is not one of Berth's (${owner}): remove it yourself if it has to go`,
        );
      }
      await step(`engine.removeImage ${reference}`, () => remove(connection, name));
    },
  };
}

/** The image of that name or id, or undefined. */
export function findImage(
  connection: Connection,
  reference: string,
): Promise<Docker.ImageInspectInfo | undefined> {
  const name = reference.startsWith('sha256:') ? reference : normaliseReference(reference);
  return askMaybe(connection, `inspecting image ${name}`, () => connection.calls.getImage(name).inspect());
}

function mayBeOurs(name: string): boolean {
  return name.startsWith('berth/') || name.startsWith('sha256:');
}

/** One row per name. One of ours whose name has gone to a newer build is listed by its id, so that it can be removed. */
function imageRows(image: Docker.ImageInfo, owner: string): ImageRow[] {
  const createdMs = image.Created * 1000;
  const labels = image.Labels?.[LABEL.owner] === owner ? image.Labels : undefined;
  const row = (key: string): ImageRow => {
    const known = mayBeOurs(key) ? labels : undefined;
    const deployment = known?.[LABEL.deployment] ?? '';
    return { key, deployment, service: known?.[LABEL.service] ?? '', createdMs };
  };
  const tags = (image.RepoTags ?? []).filter((tag) => !tag.startsWith('<none>'));
  const digests = (image.RepoDigests ?? []).filter((digest) => !digest.startsWith('<none>'));
  if (tags.length + digests.length === 0) return labels ? [row(image.Id)] : [];
  return [...tags, ...digests].map(row);
}

function splitTag(reference: string): [repo: string, tag: string] {
  const at = reference.lastIndexOf(':');
  return [reference.slice(0, at), reference.slice(at + 1)];
}

/** Throws the engine's own words where a line says `error`: the call itself succeeds then. */
async function followProgress(stream: Readable, onText: (text: string) => void): Promise<void> {
  for await (const line of readJsonLines(stream)) {
    const { id, status, error, progressDetail } = line as Record<string, unknown>;
    if (typeof error === 'string') throw new StalledError(clean(error));
    const counting = Object.keys((progressDetail as object | undefined) ?? {}).length > 0;
    if (typeof status === 'string' && !counting) onText(typeof id === 'string' ? `${id}: ${status}` : status);
  }
}

function progressLine(text: string): LogLine {
  return { at: new Date().toISOString(), level: 'info', stream: 'stdout', text };
}

const NETWORK_TROUBLE =
  /dial tcp|i\/o timeout|connection refused|no such host|TLS handshake|Client\.Timeout|EOF|toomanyrequests/i;

function pullError(error: unknown, name: string): unknown {
  if (!(error instanceof Error)) return error;
  if (NETWORK_TROUBLE.test(error.message)) {
    return new TransientError(`image ${name} can't be pulled now: ${error.message}`, { cause: error });
  }
  if (error instanceof StalledError) {
    return new StalledError(`image ${name} can't be pulled: ${error.message}`, { cause: error });
  }
  return error;
}

async function remove(connection: Connection, name: string): Promise<void> {
  await ask(connection, `removing image ${name}`, () =>
    connection.calls
      .getImage(name)
      .remove()
      .catch((cause) => {
        if (statusOf(cause) === 404) return;
        if (statusOf(cause) !== 409) throw cause;
        throw new TransientError(`image ${name} is still used: ${wordsOf(cause)}`, { cause });
      }),
  );
}
