/** The engine for `BERTH_ENGINE=docker`: each topic is a file of its own, all share one connection. */
import { dockerBuild } from './docker-build.ts';
import { type ConnectionOptions, connect } from './docker-connection.ts';
import { watchEvents } from './docker-events.ts';
import { dockerImages } from './docker-images.ts';
import { dockerInstances } from './docker-instances.ts';
import { dockerLogs } from './docker-logs.ts';
import { dockerNetworks } from './docker-networks.ts';
import { dockerVolumes } from './docker-volumes.ts';
import type { Engine } from './types.ts';

export interface DockerOptions extends ConnectionOptions {
  /** Builds with the classic builder even where there is BuildKit. */
  readonly classic?: boolean;
}

/** Makes no call: an engine that is down shows with the first question. StalledError for a malformed `dockerHost`. */
export function createDockerEngine(options: DockerOptions): Engine {
  const connection = connect(options);
  const images = dockerImages(connection);
  return {
    ...dockerInstances(connection),
    ...dockerLogs(connection),
    ...images,
    ...dockerBuild(connection, options.classic ?? false),
    ...dockerNetworks(connection),
    ...dockerVolumes(connection, images),
    watch: (onEvent, signal) => watchEvents(connection, onEvent, signal),
  };
}
