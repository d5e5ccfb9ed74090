/** `berth hash-password`: a password on stdin → its hash on stdout. At a terminal it is not shown while it is typed. */
import { hashPassword } from '../api/password.ts';
import { StalledError } from '../core/errors.ts';
import { askHidden } from './ask-hidden.ts';
import type { Io, JsonOption } from './io.ts';

/** No password is longer; whatever is piped in beyond it is not kept in memory. */
const MAX_BYTES = 4096;

/** Exit code 0; throws `StalledError` for a password that can't be hashed. */
export async function printHash({ json, io }: JsonOption & { readonly io: Io }): Promise<number> {
  const password = io.stdin.isTTY ? await askHidden(io, 'password') : await readAll(io);
  const hash = await hashPassword(password);
  io.print(json ? JSON.stringify({ hash }) : hash);
  return 0;
}

async function readAll(io: Io): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of io.stdin) {
    chunks.push(Buffer.from(chunk));
    size += chunks.at(-1)?.length ?? 0;
    if (size > MAX_BYTES) throw new StalledError('the password is over 72 bytes: take a shorter one');
  }
  const text = Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
  if (/[\r\n]/.test(text))
    throw new StalledError('standard input has more than one line: write the password alone');
  return text;
}
