/** Bytes → text, or why they are no text that YAML may be read from. Everything cheap is refused here, before parsing. */

export type TextResult =
  | { readonly text: string }
  /** `offset` is an index into `seen`, the part of the text that could be read. */
  | { readonly seen: string; readonly offset: number; readonly message: string };

/** Largest file that is looked at: `yaml` needs about a second for it. */
export const MAX_FILE_BYTES = 1024 * 1024;

/** What YAML calls not printable, and two that are invisible and mean nothing here. A CR stands only before an LF. */
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff]|\r(?!\n)/;
const CONFLICT = /^(?:<{7}|={7}|>{7}|\|{7})(?:[ \r]|$)/m;

/** The file's text without its byte order mark; never throws. */
export function readText(bytes: Uint8Array): TextResult {
  if (bytes.byteLength > MAX_FILE_BYTES) {
    return refuse(`is ${bytes.byteLength} bytes; at most ${MAX_FILE_BYTES} (1 MiB) are read`);
  }
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    return refuse('is UTF-16; save it as UTF-8');
  }
  const text = decode(bytes);
  if (text === undefined) {
    const good = new TextDecoder().decode(bytes).split('\ufffd')[0] ?? '';
    return { seen: good, offset: good.length, message: 'is not UTF-8 from here on; save it as UTF-8' };
  }
  return check(text);
}

function check(text: string): TextResult {
  if (text.startsWith('version https://git-lfs.github.com/spec/')) {
    return refuse('is a Git LFS pointer, not the file itself; take it out of LFS (`git lfs untrack`)');
  }
  const conflict = CONFLICT.exec(text);
  if (conflict) {
    return {
      seen: text,
      offset: conflict.index,
      message: 'merge conflict marker; resolve the conflict and commit',
    };
  }
  const control = CONTROL.exec(text);
  if (control) {
    const code = control[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    const message = `control character U+${code} is not allowed; remove it, or write it as an escape in double quotes`;
    return { seen: text, offset: control.index, message };
  }
  return { text };
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function refuse(message: string): TextResult {
  return { seen: '', offset: 0, message };
}
