/** Asks for one setting after the other and keeps count of what is wrong. */
import { type SettingName, settingNamed } from './table.ts';
import type { Parse } from './values.ts';

export interface Ask {
  /** The value; where it is absent or wrong (that is told), the default. */
  always<T>(name: SettingName, parse: Parse<T>): T;
  maybe<T>(name: SettingName, parse: Parse<T>): T | undefined;
}

/** Parses from `given`; errors are appended to `errors`. */
export function asker(given: ReadonlyMap<string, string>, errors: string[]): Ask {
  const maybe: Ask['maybe'] = (name, parse) => {
    const text = given.get(name);
    if (text === undefined) return undefined;
    const parsed = parse(text);
    if ('value' in parsed) return parsed.value;
    const found = settingNamed(name)?.secret ? name : `${name} is ${quote(text)}: it`;
    errors.push(`${found} ${parsed.must}`);
    return undefined;
  };
  return {
    maybe,
    always(name, parse) {
      const fallback = parse(settingNamed(name)?.default ?? '');
      if (!('value' in fallback)) throw new Error(`the default of ${name} is wrong: it ${fallback.must}`);
      return maybe(name, parse) ?? fallback.value;
    },
  };
}

/** A value as it may be shown: what may be a credential in a URL is left out, and never a page of text. */
function quote(text: string): string {
  const shown = text.replace(/\/\/.*@/s, '//…@').replace(/(:\/\/[^?#]*)[?#].*/s, '$1?…');
  return JSON.stringify(shown.length > 100 ? `${shown.slice(0, 100)}…` : shown);
}
