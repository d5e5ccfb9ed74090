/** What one environment variable may hold, wherever its value comes from. */

/** Kernel limit of one `NAME=value` with its NUL (MAX_ARG_STRLEN); past it the process never runs. */
const MAX_VARIABLE_BYTES = 131_072;

/** Bytes of `NAME=value` with its NUL. */
export function variableBytes(name: string, value: string): number {
  return Buffer.byteLength(name) + Buffer.byteLength(value) + 2;
}

/** Why a process can't be given this text byte for byte; completes the sentence that the name begins, and never holds it. */
export function variableFault(name: string, value: string): string | undefined {
  if (value.includes('\0')) return 'holds a NUL character, which no process can be given; remove it';
  if (/\p{Cs}/u.test(value)) return 'holds half a character (a lone surrogate); remove it';
  const bytes = variableBytes(name, value);
  if (bytes <= MAX_VARIABLE_BYTES) return undefined;
  return `is ${bytes} bytes with its name; the system passes at most ${MAX_VARIABLE_BYTES}: use a volume or the image`;
}
