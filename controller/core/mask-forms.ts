/** The ways in which a program may write a secret that it was given: as it is, encoded, escaped, line by line. */

/** A shorter text would blot out innocent words. */
export const MIN_SECRET_CHARACTERS = 6;

/** A secret of several lines is also looked for line by line; shorter ones may be braces and the like. */
const MIN_LINE_CHARACTERS = 12;

/** `base64` breaks its lines here. */
const BASE64_COLUMNS = 76;

/** Without doubles. Empty for a secret that is too short to be told from other words. */
export function formsOf(secret: string): readonly string[] {
  if (secret.length < MIN_SECRET_CHARACTERS) return [];
  const lines = secret.includes('\n') ? secret.split(/\r?\n/).flatMap(lineOf) : [];
  const forms = [secret, ...lines].flatMap((text) => [...plainForms(text), ...base64Forms(text)]);
  return [...new Set(forms)].filter((form) => form.length >= MIN_SECRET_CHARACTERS);
}

/** The frame of a PEM file is no secret. */
function lineOf(line: string): readonly string[] {
  const text = line.trim();
  return text.length < MIN_LINE_CHARACTERS || /^-----.*-----$/.test(text) ? [] : [text];
}

function plainForms(text: string): readonly string[] {
  const json = JSON.stringify(text).slice(1, -1);
  const bytes = [...new TextEncoder().encode(text)].map((byte) => hex(byte, 2)).join('');
  return [
    text,
    text.trim(),
    json,
    json.replaceAll('/', '\\/'),
    json.replace(/[^\0-\x7e]/g, (char) => `\\u${hex(char.charCodeAt(0), 4)}`),
    ...urlForms(text),
    bytes,
    bytes.toUpperCase(),
  ];
}

/** Languages differ in what they leave as it is: JavaScript all of `!'()*~`, others nothing but `~`, forms only `*`. */
function urlForms(text: string): readonly string[] {
  // Half a character has no URL form at all.
  const loose = encodeURIComponent(text.replace(/\p{Cs}/gu, '\ufffd'));
  const percent = (char: string): string => `%${hex(char.charCodeAt(0), 2).toUpperCase()}`;
  return [loose, loose.replace(/[!'()*]/g, percent), loose.replace(/[!'()~]/g, percent)]
    .flatMap((url) => [url, url.replaceAll('%20', '+')])
    .flatMap((url) => [url, url.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())]);
}

/** Base64 of a secret inside a longer text depends on where it starts, so only what is common to all texts is looked for. */
function base64Forms(text: string): readonly string[] {
  const bytes = Buffer.from(text);
  const inner = [0, 1, 2].map((shift) => {
    const padded = Buffer.concat([Buffer.alloc(shift), bytes]);
    return padded.toString('base64').slice(Math.ceil((shift * 8) / 6), Math.floor((padded.length * 8) / 6));
  });
  const whole = inner[0] ?? '';
  const broken = whole.length > BASE64_COLUMNS ? (whole.match(/.{1,76}/g) ?? []) : [];
  return [...inner, ...broken].flatMap((form) => [form, form.replaceAll('+', '-').replaceAll('/', '_')]);
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0');
}
