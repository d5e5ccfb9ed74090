/** What can go wrong with a call. Everything that leaves this folder is a TransientError: the API may answer better soon. */
import { TransientError } from '../../core/errors.ts';

/** A call that did not go well. */
export class CloudflareError extends TransientError {
  /** Of the HTTP answer; 0 where there was none. */
  readonly status: number;
  /** The API's own codes, such as 81053. */
  readonly codes: readonly number[];
  /** It was a write, and whether it was carried out is not known. */
  readonly doubtful: boolean;

  constructor(
    message: string,
    facts: {
      readonly status?: number;
      readonly codes?: readonly number[];
      readonly doubtful?: boolean;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, { cause: facts.cause });
    this.status = facts.status ?? 0;
    this.codes = facts.codes ?? [];
    this.doubtful = facts.doubtful ?? false;
  }
}

/** An answer that came whole and is not what the API's reference promises; the message says what is wrong with it. */
export class NonsenseError extends Error {
  override readonly name = 'NonsenseError';
}

/** The API itself says that what was asked for is not there (any more); a page of some proxy says nothing. */
export function isMissing(error: unknown): error is CloudflareError {
  return error instanceof CloudflareError && error.status === 404 && error.codes.length > 0;
}

/** The API said no, or to come again later: nothing was carried out, and what is known stands. */
export function isRefusal({ status, codes, doubtful }: CloudflareError): boolean {
  return status === 429 || (codes.length > 0 && !doubtful);
}
