/**
 * Constant load on one hostname, and the app that stands it. Every answer is checked and every socket error counted:
 * what was asked must come back word for word, so a mixed-up or cut answer is a failure too.
 */
import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export interface LoadOptions {
  /** Of nginx on 127.0.0.1. */
  readonly port: number;
  readonly hostname: string;
  /** Quick ones; every other one posts. Default 16. */
  readonly clients?: number;
  /** Two more clients ask for answers that take this long, in turns, so that one is always in flight. Default 2000. */
  readonly slowMs?: number;
}

export interface Load {
  readonly answered: { GET: number; POST: number; slow: number };
  /** `12.3 s POST 502 <html>…`, since the start. */
  readonly failures: readonly string[];
  /** What the answers said their version is. */
  readonly versions: ReadonlySet<string>;
  /** Requests begun and not yet answered. */
  readonly inFlight: { quick: number; slow: number };
  /** One line of totals. */
  summary(): string;
  /** Ends when every request that was begun is answered. */
  stop(): Promise<void>;
}

/** Between two requests of a quick client: enough to leave the machine to what is being tested. */
const THINK_MS = 15;
const NO_ANSWER_MS = 15_000;

/** `start` of an app that answers `<VERSION> <method> <body>` after `?ms=` and dies on SIGTERM with all that is in flight. */
export const ECHO_APP = [
  'node',
  '-e',
  `const { createServer } = require('node:http');
   process.on('SIGTERM', () => process.exit(0));
   if (process.env.CRASH) throw new Error('this version can not start');
   createServer((asked, answer) => {
     const chunks = [];
     asked.on('data', (chunk) => chunks.push(chunk));
     asked.on('end', () => setTimeout(
       () => answer.end([process.env.VERSION, asked.method, Buffer.concat(chunks)].join(' ')),
       Number(new URL(asked.url, 'http://x').searchParams.get('ms')),
     ));
   }).listen(Number(process.env.PORT));`,
] as const;

/** Begins at once. */
export function startLoad(options: LoadOptions): Load {
  const { port, hostname, clients = 16, slowMs = 2000 } = options;
  const started = performance.now();
  const answered = { GET: 0, POST: 0, slow: 0 };
  const inFlight = { quick: 0, slow: 0 };
  const failures: string[] = [];
  const versions = new Set<string>();
  let going = true;

  const client = async (index: number, slow: boolean): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const method = index % 2 === 0 ? 'GET' : 'POST';
    const speed = slow ? 'slow' : 'quick';
    // The second slow client starts half an answer later: when one's answer ends, the other's is still under way.
    await sleep(slow ? (index * slowMs) / 2 : index);
    while (going) {
      const body = method === 'POST' ? randomBytes(index === 1 ? 40_000 : 200).toString('hex') : '';
      inFlight[speed] += 1;
      const { version, failure } = await ask({
        agent,
        port,
        hostname,
        method,
        body,
        path: `/?ms=${slow ? slowMs : 0}`,
      });
      inFlight[speed] -= 1;
      if (failure !== undefined)
        failures.push(`${((performance.now() - started) / 1000).toFixed(1)} s ${speed} ${method} ${failure}`);
      else answered[slow ? 'slow' : method] += 1;
      if (version !== undefined) versions.add(version);
      if (!slow) await sleep(THINK_MS);
    }
    agent.destroy();
  };
  const all = [
    ...Array.from({ length: clients }, (_, index) => client(index, false)),
    ...Array.from({ length: 2 }, (_, index) => client(index, true)),
  ];

  return {
    answered,
    failures,
    versions,
    inFlight,
    summary: () =>
      `${answered.GET} GET, ${answered.POST} POST and ${answered.slow} of ${slowMs} ms answered, ` +
      `${failures.length} failed, in ${((performance.now() - started) / 1000).toFixed(0)} s`,
    async stop() {
      going = false;
      await Promise.all(all);
    },
  };
}

interface Asked {
  readonly agent: Agent;
  readonly port: number;
  readonly hostname: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: string;
}

function ask(asked: Asked): Promise<{ readonly version?: string; readonly failure?: string }> {
  const { agent, port, hostname, method, path, body } = asked;
  return new Promise((resolve) => {
    const fail = (error: Error): void => resolve({ failure: error.message });
    const headers = { host: hostname, ...(method === 'POST' && { 'content-length': body.length }) };
    const outgoing = request({ host: '127.0.0.1', port, agent, method, path, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', fail);
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const [version = ''] = text.split(' ', 1);
        const right = answer.statusCode === 200 && text === `${version} ${method} ${body}`;
        resolve(right ? { version } : { failure: `${answer.statusCode} ${text.slice(0, 100)}` });
      });
    });
    outgoing.setTimeout(NO_ANSWER_MS, () =>
      outgoing.destroy(new Error(`no answer in ${NO_ANSWER_MS / 1000} s`)),
    );
    outgoing.on('error', fail);
    outgoing.end(body);
  });
}
