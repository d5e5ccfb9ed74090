/**
 * Patterns of a `.dockerignore`: `*`, `?`, `[a-z]`, `\x` within a name, `**` for any number of directories. A pattern
 * holds for all that lies below a match. Matched by hand, since a regular expression made from a hostile repo's
 * pattern (`*a*a*a*a*b`) could hold the controller up for hours.
 */

export interface IgnoreRule {
  readonly negative: boolean;
  matches(path: string): boolean;
}

/** One character of a name, or `star` for any number of them. */
type Token = 'star' | ((char: string) => boolean);

/** Rules in their order; the last that matches decides. Lines that are empty, comments or only `.` are none. */
export function parseIgnore(text: string): readonly IgnoreRule[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const trimmed = line.startsWith('#') ? '' : line.trim();
    const negative = trimmed.startsWith('!');
    const parts = trimmed
      .slice(negative ? 1 : 0)
      .split('/')
      .filter((part) => part !== '' && part !== '.');
    return parts.length === 0 || parts.includes('..') ? [] : [rule(negative, parts)];
  });
}

function rule(negative: boolean, parts: readonly string[]): IgnoreRule {
  const pattern = parts.map((part) => (part === '**' ? ('star' as const) : tokens(part)));
  return {
    negative,
    matches(path) {
      const names = path.split('/');
      return names.some((_, index) =>
        wildcardMatch(pattern, names.slice(0, index + 1), (name, wanted) =>
          wildcardMatch(wanted, [...name], meets),
        ),
      );
    },
  };
}

function meets(char: string, wanted: (char: string) => boolean): boolean {
  return wanted(char);
}

/** Only the last star is ever tried again, so the cost is at most the product of both lengths. */
function wildcardMatch<Item, Wanted>(
  pattern: readonly (Wanted | 'star')[],
  items: readonly Item[],
  meets: (item: Item, wanted: Wanted) => boolean,
): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  for (let index = 0; index < items.length; ) {
    const wanted = pattern[at];
    const item = items[index];
    if (wanted === 'star') {
      star = at++;
      resume = index;
    } else if (wanted !== undefined && item !== undefined && meets(item, wanted)) {
      at += 1;
      index += 1;
    } else if (star >= 0) {
      at = star + 1;
      index = ++resume;
    } else {
      return false;
    }
  }
  return pattern.slice(at).every((wanted) => wanted === 'star');
}

function tokens(part: string): readonly Token[] {
  const found: Token[] = [];
  for (const [text, set] of part.matchAll(/\*+|\?|\[(\^?(?:\\.|[^\]\\])+)\]|\\?./gsu)) {
    if (text.startsWith('*')) found.push('star');
    else if (text === '?') found.push(() => true);
    else if (set !== undefined) found.push(charSet(set));
    else {
      const literal = text.replace(/^\\(?=.)/su, '');
      found.push((char) => char === literal);
    }
  }
  return found;
}

function charSet(text: string): (char: string) => boolean {
  const inverted = text.startsWith('^');
  const ranges = [...text.slice(inverted ? 1 : 0).matchAll(/\\?(.)(?:-\\?(.))?/gsu)].map(
    ([, from = '', to]) => [from, to ?? from] as const,
  );
  return (char) => ranges.some(([from, to]) => from <= char && char <= to) !== inverted;
}
