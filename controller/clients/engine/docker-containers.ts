/** Single containers, whoever they belong to; the callers check that they are ours. */
import type Docker from 'dockerode';
import { ask, askMaybe, type Connection } from './docker-connection.ts';
import { statusOf, wordsOf } from './docker-errors.ts';

/** By name; undefined where there is none. */
export function findContainer(
  connection: Connection,
  name: string,
): Promise<Docker.ContainerInspectInfo | undefined> {
  const { calls } = connection;
  return askMaybe(connection, `inspecting container ${name}`, () => calls.getContainer(name).inspect());
}

/** Creates it without starting it; its id. */
export async function createContainer(
  connection: Connection,
  name: string,
  body: Docker.ContainerCreateOptions,
): Promise<string> {
  // Given as one object, dockerode would put all of it, env values too, in the URL. Its types don't know this form.
  const options = { _query: { name }, _body: body } as Docker.ContainerCreateOptions;
  const { id } = await ask(connection, `creating container ${name}`, () =>
    connection.calls.createContainer(options),
  );
  return id;
}

/** Starting what runs already is fine; what was paused goes on. */
export async function startContainer(connection: Connection, name: string, id: string): Promise<void> {
  const container = connection.calls.getContainer(id);
  await ask(connection, `starting container ${name}`, async () => {
    try {
      await container.start();
    } catch (error) {
      if (statusOf(error) === 304) return;
      if (!wordsOf(error).includes('paused container')) throw error;
      await container.unpause();
    }
  });
}

/** Kills it if it runs; gone already, or going, is fine. Volumes that only it had go with it. */
export async function removeContainer(connection: Connection, name: string, id: string): Promise<void> {
  await ask(connection, `removing container ${name}`, async () => {
    try {
      await connection.calls.getContainer(id).remove({ force: true, v: true });
    } catch (error) {
      const going = statusOf(error) === 409 && wordsOf(error).includes('already in progress');
      if (statusOf(error) !== 404 && !going) throw error;
    }
  });
}
