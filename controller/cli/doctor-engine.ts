/** Does the engine answer? Asked by hand, in one GET, so that the doctor depends on nothing that could be ill itself. */
import { request } from 'node:http';
import type { Finding } from './finding.ts';

const TIMEOUT_MS = 5000;
/** Bytes; `/version` has about 1 KiB. */
const MAX_ANSWER = 65_536;

/** `dockerHost` as in the settings: a path, or `tcp://host:port`. */
export async function engineFinding(dockerHost: string): Promise<Finding> {
  const name = 'engine';
  try {
    const version: { Version?: unknown; ApiVersion?: unknown } = JSON.parse(
      await get(dockerHost, '/version'),
    );
    if (typeof version.Version !== 'string') throw new Error('answers, but not like an engine');
    return { name, ok: true, found: `${version.Version} (API ${version.ApiVersion}) at ${dockerHost}` };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const found = `${dockerHost} ${WORDS[code] ?? String(error instanceof Error ? error.message : error)}`;
    return { name, ok: false, found, mend: MENDS[code] ?? 'systemctl start docker, or mend DOCKER_HOST' };
  }
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'is not there',
  ECONNREFUSED: 'refuses connections',
  EACCES: 'is closed to this user',
};

const MENDS: Readonly<Record<string, string>> = {
  ENOENT: 'apt-get install docker.io, then systemctl start docker',
  EACCES: 'run as root, or usermod -aG docker <user> and log in again',
};

function get(dockerHost: string, path: string): Promise<string> {
  const url = dockerHost.startsWith('/') ? undefined : new URL(dockerHost);
  const where = url ? { host: url.hostname, port: url.port } : { socketPath: dockerHost };
  return new Promise((resolve, reject) => {
    const ask = request({ ...where, path, agent: false, timeout: TIMEOUT_MS }, async (answer) => {
      let text = '';
      try {
        for await (const chunk of answer) {
          text += chunk;
          if (text.length > MAX_ANSWER) throw new Error('answers without an end');
        }
        if (answer.statusCode === 200) resolve(text);
        else reject(new Error(`answers with status ${answer.statusCode}`));
      } catch (error) {
        reject(error);
      }
    });
    ask.on('timeout', () => ask.destroy(new Error(`gives no answer in ${TIMEOUT_MS / 1000} s`)));
    ask.on('error', reject);
    ask.end();
  });
}
