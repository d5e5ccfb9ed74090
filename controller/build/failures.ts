/** Builds that failed for good, as the store keeps them: newest last, one per image, a bounded number. */
import type { Store } from '../clients/types.ts';
import type { ImageWant } from '../core/types.ts';

const KEPT = 500;

/** Newest last; another failure of the same image is replaced. */
export async function rememberFailure(store: Store, want: ImageWant, error: string): Promise<void> {
  const { key, deployment, service } = want;
  const failure = { key, deployment, service, error, at: new Date().toISOString() };
  await store.update((state) => ({
    ...state,
    failures: [...state.failures.filter((other) => other.key !== key), failure].slice(-KEPT),
  }));
}

/** Writes nothing when there is none. */
export async function forgetFailure(store: Store, key: string): Promise<void> {
  await store.update((state) => {
    const failures = state.failures.filter((failure) => failure.key !== key);
    return failures.length === state.failures.length ? state : { ...state, failures };
  });
}
