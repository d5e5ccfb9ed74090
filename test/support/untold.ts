/** What a secret looks like when somebody tells it, so that a test can look for it in all that was told. */

/** As it is and by its longer lines, in base64 wherever it begins in a longer text, in hex, in a URL, in JSON. */
export function tellingForms(value: string): readonly string[] {
  const lines = value.split('\n').filter((line) => line.length >= 12);
  return [...new Set([value, ...lines])].flatMap((text) => [
    text,
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text),
    Buffer.from(text).toString('hex'),
    ...[0, 1, 2].map((shift) => {
      const base64 = Buffer.from('x'.repeat(shift) + text).toString('base64');
      return base64.replace(/=+$/, '').slice(shift === 0 ? 0 : shift + 1, -1);
    }),
  ]);
}

/** The forms of a value that stand in a text. */
export function toldIn(text: string, value: string): readonly string[] {
  return tellingForms(value).filter((form) => text.includes(form));
}
