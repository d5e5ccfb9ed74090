/** A file that Berth adds to a build context. */
export interface ContextFile {
  readonly name: string;
  readonly content: Buffer;
}
