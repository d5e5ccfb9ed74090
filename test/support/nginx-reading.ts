/** Nginx's own reading of a file: each directive as its words and what ends it, `;`, `{` or `}`. */
export function directivesOf(text: string): string[][] {
  const words: string[][] = [];
  let current: string[] = [];
  for (let at = 0; at < text.length; ) {
    const char = text.charAt(at);
    if (/\s/.test(char)) at += 1;
    else if (char === '#') at = endOfLine(text, at);
    else if (/[;{}]/.test(char)) {
      words.push([...current, char]);
      current = [];
      at += 1;
    } else {
      const [word, end] = readWord(text, at);
      current.push(word);
      at = end;
    }
  }
  return words;
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}

function readWord(text: string, start: number): [word: string, end: number] {
  const quoted = /["']/.test(text.charAt(start)) ? text.charAt(start) : undefined;
  let word = '';
  for (let at = start + (quoted ? 1 : 0); at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === '\\') {
      at += 1;
      word += text.charAt(at);
    } else if (quoted ? char === quoted : /[\s;{]/.test(char)) return [word, quoted ? at + 1 : at];
    else word += char;
  }
  throw new Error('a word does not end');
}
