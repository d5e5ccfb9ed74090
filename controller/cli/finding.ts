/** One thing that `berth doctor` looked at: what was found, and for a bad one how to mend it. */
export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  readonly found: string;
  readonly mend?: string;
}
