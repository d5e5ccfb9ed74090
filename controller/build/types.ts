import type { ImageWant } from '../core/types.ts';

/** A build or pull that is under way, or that failed and is remembered so that it is not tried again. */
export interface BuildRow {
  readonly key: string;
  readonly deployment: string;
  readonly service: string;
  readonly state: 'queued' | 'building' | 'failed';
  readonly error?: string;
}

/** Builds images in the background; asking it never waits. Failures are kept in the store. */
export interface Builder {
  rows(): readonly BuildRow[];
  /** Queues it; fine if it is queued or building already. */
  start(want: ImageWant): void;
  /** Nobody wants it any more: stops it, forgets it and its failure. */
  drop(key: string): Promise<void>;
  /** Ends what is under way, leaving no half image. */
  close(): Promise<void>;
}
