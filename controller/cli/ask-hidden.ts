import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { StalledError } from '../core/errors.ts';
import type { Io } from './io.ts';

/** One line from a terminal, not shown while it is typed. StalledError when the terminal is closed instead. */
export function askHidden(io: Io, what: string): Promise<string> {
  io.complain(`${what} (not shown while you type):`);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: io.stdin, output: nowhere, terminal: true });
  return new Promise((resolve, reject) => {
    lines.once('line', (line) => {
      resolve(line);
      lines.close();
    });
    lines.once('close', () => reject(new StalledError(`no ${what} was given`)));
  });
}
