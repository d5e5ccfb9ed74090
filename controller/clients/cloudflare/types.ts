/**
 * What Berth needs of Cloudflare, in Berth's words. Reading never waits and never guesses: a look in the background
 * gives a view that is whole and certain, or a reason why there is none. Every write passes through `step`.
 */

export interface Zone {
  readonly id: string;
  /** A domain, such as `example.com`. */
  readonly name: string;
}

/** A record of any type, whoever made it. */
export interface DnsRecord {
  readonly id: string;
  /** Id of its zone. */
  readonly zone: string;
  readonly type: string;
  /** Full hostname, lower case. */
  readonly name: string;
  readonly content: string;
  readonly proxied: boolean;
  /** Empty where there is none. */
  readonly comment: string;
}

/** One rule of the tunnel, as the API tells it; fields that Berth does not know are kept as they are. */
export interface IngressRule {
  readonly hostname?: string;
  readonly path?: string;
  readonly service: string;
  readonly [field: string]: unknown;
}

export interface Tunnel {
  readonly id: string;
  readonly name: string;
}

/** Everything as of one look. */
export interface EdgeView {
  readonly zones: readonly Zone[];
  readonly records: readonly DnsRecord[];
  /** Absent until it is made. */
  readonly tunnel?: Tunnel;
  /** Rules of the tunnel's document in order, the catch-all last; empty for a new tunnel. */
  readonly rules: readonly IngressRule[];
}

/** A proxied CNAME to the tunnel. */
export interface RecordWant {
  readonly zone: string;
  readonly name: string;
  readonly content: string;
  readonly comment: string;
}

/** The connector's credential, once it is known. Known, it stays so while Cloudflare can't be asked. */
export type ConnectorToken =
  | { readonly state: 'known'; readonly token: string }
  | { readonly state: 'pending' }
  | { readonly state: 'failed'; readonly error: Error };

/**
 * Errors of the writes: TransientError, with the API's own words and code; one whose answer is not known (a lost
 * acknowledgement, an answer that makes no sense) leaves no view until a new look has told what became of it.
 */
export interface Edge {
  /**
   * What the last look saw, with our own writes since. Starts a look in the background when that is older than the
   * interval. Throws TransientError when there is none: the first is under way, or the last one failed, with the reason.
   */
  view(): EdgeView;
  /** Resolves when a look has ended that began after the call or was under way, or none may be made now; never rejects. */
  settle(signal: AbortSignal): Promise<void>;
  /** Finds the tunnel of this name before it makes one, so that a lost acknowledgement makes no second. */
  createTunnel(): Promise<void>;
  /**
   * Asks for the name first: refuses when a record is in the way (`in-the-way.ts`), but for a CNAME with this very comment,
   * which is then taken over.
   */
  createRecord(want: RecordWant): Promise<void>;
  /** Reads it first: refuses unless its comment still is `comment`. */
  updateRecord(id: string, comment: string, want: RecordWant): Promise<void>;
  /** Reads it first: gone is fine; refuses unless its comment still is `comment`. */
  deleteRecord(record: {
    readonly zone: string;
    readonly id: string;
    readonly comment: string;
  }): Promise<void>;
  /**
   * One read-modify-write of the tunnel's document. `edit` is pure and gets the rules as they are at that moment, without
   * the catch-all; it is called again when somebody else wrote in between. Writes nothing when it changes nothing.
   */
  editRules(edit: (rules: readonly IngressRule[]) => readonly IngressRule[]): Promise<void>;
  /** Never waits; the first call starts a look for it. */
  connectorToken(): ConnectorToken;
  close(): void;
}
