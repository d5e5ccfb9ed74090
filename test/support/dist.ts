import { spawn } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Brings dist/ up to date; a process of its own can only run what is built. Throws with the compiler's words. */
export async function buildDist(): Promise<void> {
  const child = spawn(process.execPath, [`${ROOT}setup.mjs`, '--build'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let words = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      words += chunk;
    });
  }
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(words);
}

/** URL of a built file, for an `import` in another process: `clients/lock.js`. */
export function distUrl(path: string): string {
  return pathToFileURL(`${ROOT}dist/${path}`).href;
}
