/** One deployment entry under judgement: the functions that read its fields report here and go on. */
import type { Scalar } from 'yaml';
import type { Path } from './findings.ts';
import type { ManifestRules } from './types.ts';

export interface Scope {
  readonly name: string;
  readonly domain: string;
  readonly rules: ManifestRules;
  /** `path` is below the deployment. A fault of a key points at the key. */
  fail(path: Path, message: string, at?: 'key' | 'value'): void;
  warn(path: Path, message: string): void;
  /** Whether the schema took something out there: what is missing was present but wrong, and is told already. */
  broken(path: Path): boolean;
  /** The value as it is written, quotes and tag included. */
  scalar(path: Path): Scalar | undefined;
}
