/** What a command may read and print, so that a test can stand in for a terminal. */
import type { Readable } from 'node:stream';

export interface Io {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  /** Results, one line. */
  print(line: string): void;
  /** Errors and hints, one line, on the other stream. */
  complain(line: string): void;
}

/** Every command has it: the result as JSON on stdout instead of lines. */
export interface JsonOption {
  readonly json: boolean;
}
