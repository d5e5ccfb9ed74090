import type { ConfigRepo } from '../clients/types.ts';

type Reader = Pick<ConfigRepo, 'head' | 'treeOf' | 'trouble'>;

/** A config repo that remembers which head a pass last read; undefined when that could not be told. */
export function rememberHead(config: Reader): Reader & { readonly seen: string | undefined } {
  let seen: string | undefined;
  return {
    get seen() {
      return seen;
    },
    get trouble() {
      return config.trouble;
    },
    treeOf: config.treeOf,
    async head(signal) {
      seen = undefined;
      const head = await config.head(signal);
      seen = head.commit;
      return head;
    },
  };
}
