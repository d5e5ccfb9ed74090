/** Lists of the API, to the last page. A page that fails fails the list: a part is not the whole. */
import type { Answer } from './answer.ts';
import { NonsenseError } from './errors.ts';

export interface ListOptions<T> {
  /**
   * The list is asked for without any filter. `total_count` is documented as the "total results available without any
   * search parameters", so only then it must be what was read.
   */
  readonly whole: boolean;
  /** Throws NonsenseError for what is no such item. */
  readonly item: (value: unknown) => T;
}

const MOST_ITEMS = 100_000;

/** `fetchPage` asks for a page and has its answer judged by `take`, which says whether it was the last. */
export async function allPages<T extends { readonly id: string }>(
  fetchPage: (page: number, take: (answer: Answer) => boolean) => Promise<boolean>,
  { whole, item }: ListOptions<T>,
): Promise<readonly T[]> {
  const items = new Map<string, T>();
  let counted: number | undefined;
  const take = (answer: Answer): boolean => {
    const { rows, total, perPage } = pageOf(answer);
    counted ??= total;
    if (total !== counted) throw new NonsenseError('its pages count differently');
    for (const one of rows.map(item)) {
      if (items.has(one.id)) throw new NonsenseError('an item comes twice');
      items.set(one.id, one);
    }
    if (items.size > MOST_ITEMS) throw new NonsenseError(`there are over ${MOST_ITEMS} items`);
    const last = rows.length === 0 || items.size >= total || (!whole && rows.length < perPage);
    if (last && whole && items.size !== total)
      throw new NonsenseError(`it counts ${total} items and gives ${items.size}`);
    return last;
  };
  for (let page = 1; !(await fetchPage(page, take)); page += 1);
  return [...items.values()];
}

function pageOf({ result, resultInfo }: Answer) {
  if (!Array.isArray(result)) throw new NonsenseError('its result is no list');
  const { count, total_count: total, per_page: perPage } = (resultInfo ?? {}) as Record<string, unknown>;
  if (typeof total !== 'number' || !Number.isSafeInteger(total) || total < 0)
    throw new NonsenseError('it has no total_count');
  if (count !== undefined && count !== result.length)
    throw new NonsenseError(`it counts ${JSON.stringify(count)} items on a page of ${result.length}`);
  return { rows: result as readonly unknown[], total, perPage: typeof perPage === 'number' ? perPage : 1 };
}
