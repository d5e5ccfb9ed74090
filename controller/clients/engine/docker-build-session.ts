/**
 * BuildKit asks the client for registry credentials through a connection of its own; without one it can't even fetch
 * public base images. dockerode has the code, which answers that there are none, and is used here so that the connection
 * is closed however the build ends.
 */
import { createRequire } from 'node:module';
import type Docker from 'dockerode';

interface Session {
  readonly id: string;
  close(): void;
}

type WithSession = (
  docker: Docker,
  auth: undefined,
  ready: (error: unknown, id: string, done: () => void) => void,
) => void;

const withSession: WithSession = createRequire(import.meta.url)('dockerode/lib/session.js');

export function openSession(docker: Docker): Promise<Session> {
  return new Promise((resolve, reject) => {
    withSession(docker, undefined, (error, id, close) => (error ? reject(error) : resolve({ id, close })));
  });
}
