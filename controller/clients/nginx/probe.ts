/** What nginx really runs: exit codes of `nginx -t` and of a reload say nothing, its own answer does. */
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { generationHost } from './config.ts';

export interface Answer {
  readonly generation: string;
  /** The worker that answered. */
  readonly pid: number;
}

export interface ProbeAddress {
  readonly owner: string;
  readonly http: { readonly host: string; readonly port: number };
}

/** The generation that nginx serves now; undefined when nothing answers there that knows of ours. */
export function askGeneration(address: ProbeAddress, timeoutMs = 1_000): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const ask = request(
      {
        host: reachable(address.http.host),
        port: address.http.port,
        headers: { host: generationHost(address.owner) },
        agent: false,
        signal: AbortSignal.timeout(Math.ceil(timeoutMs)),
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > 1_000) ask.destroy();
        });
        response.on('end', () => resolve(readAnswer(text)));
        response.on('error', () => resolve(undefined));
      },
    );
    // No answer is an answer: nothing of ours runs there. That is what the caller reports.
    ask.on('error', () => resolve(undefined));
    ask.on('close', () => resolve(undefined));
    ask.end();
  });
}

/** Asks until nginx answers with this generation. False when the time is over. */
export async function provesGeneration(
  address: ProbeAddress,
  generation: string,
  withinMs: number,
): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 1.5, 60)) {
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) return false;
    const answer = await askGeneration(address, Math.min(1_000, leftMs));
    if (answer?.generation === generation) return true;
    await sleep(Math.min(pauseMs, Math.max(deadline - performance.now(), 0)));
  }
}

/** An address to connect to for one to listen on. */
function reachable(host: string): string {
  const bare = host.replace(/^\[|\]$/g, '');
  if (bare === '0.0.0.0') return '127.0.0.1';
  return bare === '::' ? '::1' : bare;
}

function readAnswer(text: string): Answer | undefined {
  const [, generation, pid] = /^([0-9a-f]{32}) ([0-9]+)$/.exec(text) ?? [];
  return generation === undefined || pid === undefined ? undefined : { generation, pid: Number(pid) };
}
