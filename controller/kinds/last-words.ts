/** Of a crash, shown in one line. */
const LINES = 6;
const CHARACTERS = 400;

/** How many lines a caller should read: a Node stack is 10 frames below its message, a Java one often more. */
export const TAIL_LINES = 40;

/** What a process said last, in one line. Stack frames are left out, since what went wrong stands above them. */
export function lastWords(lines: readonly string[]): string {
  const telling = lines
    .filter((line) => !/^\s+at /.test(line))
    .map((line) => line.trim())
    .filter((line) => /[^\s^~]/.test(line));
  return telling.slice(-LINES).join(' | ').slice(-CHARACTERS);
}
