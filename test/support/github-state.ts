/** What the GitHub of the tests (github-api.ts) keeps. */

export interface Call {
  readonly method: string;
  /** Below `/api/v3`. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly authorization: string | undefined;
  readonly body: unknown;
  /** 0: it got no answer. */
  status: number;
}

export type Fault =
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: unknown;
    }
  | { readonly kind: 'redirect'; readonly to: string; readonly status?: number }
  | { readonly kind: 'html' }
  | { readonly kind: 'hang' }
  | { readonly kind: 'reset' }
  /** Done, but the answer is cut off. */
  | { readonly kind: 'lost' };

/** Of a token. Without `permissions` it is a classic one, with these scopes. */
export interface Rights {
  readonly scopes?: readonly string[];
  /** Of a fine-grained token, on the repos that it names. */
  readonly permissions?: Readonly<Record<string, 'read' | 'write'>>;
  /** `owner/name` of the private ones that it may see, and of those that it may write to; default all. */
  readonly repos?: readonly string[];
}

export interface StatusRow {
  readonly id: number;
  readonly sha: string;
  readonly state: string;
  readonly description: string | null;
  readonly context: string;
  readonly target_url: string | null;
}

export interface DeploymentStatusRow {
  readonly id: number;
  readonly state: string;
  readonly description: string;
  readonly environment_url: string;
  readonly log_url: string;
}

export interface DeploymentRow {
  readonly id: number;
  readonly sha: string;
  readonly ref: string;
  readonly task: string;
  readonly environment: string;
  readonly description: string | null;
  readonly payload: unknown;
  readonly production: boolean;
  readonly transient: boolean;
  /** Oldest first. */
  readonly statuses: DeploymentStatusRow[];
}

export interface RepoState {
  readonly full: string;
  readonly dir: string;
  private: boolean;
  /** Its former name leads here. */
  formerly?: string;
  readonly git: (...args: readonly string[]) => string;
  readonly bytes: (oid: string) => Buffer;
  /** Oldest first. */
  readonly statuses: StatusRow[];
  readonly deployments: DeploymentRow[];
}

export interface GitHubState {
  readonly origin: string;
  readonly api: string;
  /** By full name in lower case. */
  readonly repos: Map<string, RepoState>;
  readonly tokens: Map<string, Rights>;
  nextId: number;
  readonly limit: { remaining: number; resetMs: number };
  /** Trees with more entries than this are truncated. */
  maxTree?: number;
}

/** An answer that is an error. */
export class GitHubError extends Error {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    message: string,
    more: { readonly errors?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.headers = more.headers ?? {};
    const { errors } = more;
    this.body = {
      message,
      documentation_url: 'https://docs.github.com/rest',
      status: String(status),
      ...(errors !== undefined && { errors }),
    };
  }
}
